"""agno's AgentSession, TeamSession and WorkflowSession as records, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agno.db.utils import deserialize_session
from agno.session import AgentSession, TeamSession, WorkflowSession

from agnodb.errors import InvalidValueError
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.snapshots import Snapshot

# Survives what agno does with a session: copy.copy shares it, to_dict() leaves it out.
_SNAPSHOT = "_agnodb_snapshot"


class SessionObjects:
    """The session part of `agnodb.contracts.objects.Objects`."""

    def session_record(self, session: Any) -> SessionRecord:
        if not isinstance(session, (AgentSession, TeamSession, WorkflowSession)):
            raise InvalidValueError(
                "A session of an agent, a team or a workflow is needed.", detail=repr(type(session))
            )
        # Straight from the attributes: agno's to_dict() deep-copies every value, and the codec copies anyway.
        common: dict[str, Any] = {
            "session_id": session.session_id,
            "user_id": session.user_id,
            "session_data": session.session_data,
            "metadata": session.metadata,
            "created_at": session.created_at,
            "updated_at": session.updated_at,
            "snapshot": session.__dict__.setdefault(_SNAPSHOT, Snapshot()),
        }
        if isinstance(session, WorkflowSession):
            return SessionRecord(
                session_type=SessionType.WORKFLOW.value,
                workflow_id=session.workflow_id,
                workflow_data=session.workflow_data,
                **common,
            )
        common["summary"] = session.summary.to_dict() if session.summary else None
        if isinstance(session, AgentSession):
            return SessionRecord(
                session_type=SessionType.AGENT.value, agent_id=session.agent_id, agent_data=session.agent_data, **common
            )
        return SessionRecord(
            session_type=SessionType.TEAM.value, team_id=session.team_id, team_data=session.team_data, **common
        )

    def session(self, record: SessionRecord, runs: Sequence[Any] | None, session_type: Any = None) -> Any:
        # Runs that are objects already are attached as they are: agno's from_dict takes documents only.
        documents = [run for run in runs or () if isinstance(run, dict)]
        session = deserialize_session(session_type, {**record.to_dict(), "runs": documents})
        if runs and not documents:
            session.runs = list(runs)
        session.__dict__[_SNAPSHOT] = record.snapshot
        return session

    def session_runs(self, session: Any) -> list[Any] | None:
        runs: list[Any] | None = session.runs
        return runs
