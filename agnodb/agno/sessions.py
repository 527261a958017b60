"""agno's AgentSession, TeamSession and WorkflowSession as records, and back."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from agno.db.utils import deserialize_session
from agno.session import AgentSession, TeamSession, WorkflowSession

from agnodb.errors import InvalidValueError
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.snapshots import NOBODY, Holding, Snapshot

# Survives what agno does with a session: copy.copy shares it, to_dict() leaves it out.
_SNAPSHOT = "_agnodb_snapshot"


class _NewSnapshots:
    """The snapshots of sessions that were not read, by the dictionary of their data.

    Of a new session agno's Team saves a copy, so the session itself gets no attribute. That dictionary is what the
    two have in common, and no weak reference can be made to it.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], tuple[Any, Snapshot]] = {}
        self._sweep_at = 64

    def of(self, session: Any) -> Snapshot:
        data = session.session_data
        if data is None:
            return Snapshot()
        if len(self._known) >= self._sweep_at:
            self._sweep()
        _, snapshot = self._known.setdefault((id(data), session.session_id), (data, Snapshot()))
        return snapshot

    def _sweep(self) -> None:
        """Let go of data that nobody else refers to."""
        for key, (data, _) in list(self._known.items()):
            if sys.getrefcount(data) <= 3:  # here, in the dictionary, and as the argument
                self._known.pop(key, None)
        self._sweep_at = max(64, 2 * len(self._known))


_new = _NewSnapshots()


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
            "snapshot": _snapshot(session),
            "holding": _holding(session),
        }
        if isinstance(session, WorkflowSession):
            # A new one has a time of change already.
            if session.updated_at == session.created_at:
                common["updated_at"] = None
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
        if runs is None:
            session.runs = None
        session.__dict__[_SNAPSHOT] = record.snapshot
        return session

    def session_runs(self, session: Any) -> list[Any] | None:
        runs: list[Any] | None = session.runs
        return runs


def _snapshot(session: Any) -> Snapshot:
    """What is known of the session's row; nothing yet if it was neither read nor saved."""
    known: Snapshot | None = session.__dict__.get(_SNAPSHOT)
    if known is None:
        known = session.__dict__[_SNAPSHOT] = _new.of(session)
    return known


def _holding(session: Any) -> Holding:
    """The state of the session, and when the run began whose state it is."""
    state = (session.session_data or {}).get("session_state")
    if not isinstance(state, dict):
        return NOBODY
    runs = [run for run in session.runs or () if getattr(run, "session_state", None) is state]
    timers = [getattr(run.metrics, "timer", None) for run in runs]
    return Holding(state, min((t.start_time for t in timers if t and t.start_time is not None), default=math.inf))
