"""One object of each kind that agno keeps, and what a database says about all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agno.db.base import SessionType
from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.knowledge import KnowledgeRow
from agno.db.schemas.memory import UserMemory
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.run.team import TeamRunOutput
from agno.run.workflow import WorkflowRunOutput
from agno.session import AgentSession, TeamSession, WorkflowSession
from agno.session.summary import SessionSummary
from agno.tracing.schemas import Span, Trace

_TYPES = {"a": SessionType.AGENT, "t": SessionType.TEAM, "w": SessionType.WORKFLOW}
NOW = datetime.now(UTC).replace(microsecond=123456)
STAMP = int(NOW.timestamp())
PLAIN: dict[str, Any] = {
    "text": 'é🤖 "quoted" \\ %_\'',
    "numbers": [0, -1, 1.5, 2**53],
    "none": None,
    "yes": True,
    "deep": {"a": [{"b": {}}, []]},
}


async def write_all(db: Any, tag: str) -> None:
    """Store one or more objects of every kind; their ids begin with `tag`."""
    await _write_sessions(db, tag)
    memory = UserMemory(
        memory_id=f"{tag}m", memory=PLAIN["text"], topics=["a", "é"], user_id="alice", input="i", agent_id="a",
        feedback="f", created_at=STAMP, updated_at=STAMP,
    )  # fmt: skip
    await db.upsert_user_memory(memory)
    await db.upsert_knowledge_content(
        KnowledgeRow(
            id=f"{tag}k", name="n", description=PLAIN["text"], metadata=PLAIN, type="t", size=3, linked_to="kb",
            access_count=1, status="completed", status_message="ok", user_id="alice", created_at=STAMP,
            updated_at=STAMP, external_id="x",
        )
    )  # fmt: skip
    await db.create_eval_run(
        EvalRunRecord(
            run_id=f"{tag}e", eval_type=EvalType.ACCURACY, eval_data=PLAIN, eval_input=PLAIN, name="n", agent_id="a",
            model_id="m", model_provider="p", evaluated_component_name="c",
        )
    )  # fmt: skip
    await _write_traces(db, tag)
    await _write_work(db, tag)
    await db.upsert_learning(
        id=f"{tag}l", learning_type="user_profile", content=PLAIN, user_id=f"{tag}alice", agent_id="a",
        namespace="user", metadata=PLAIN,
    )  # fmt: skip
    await db.calculate_metrics()


async def _write_sessions(db: Any, tag: str) -> None:
    given: dict[str, Any] = {"user_id": "alice", "metadata": PLAIN, "created_at": STAMP}
    summary = SessionSummary(summary="s", topics=["t"], updated_at=datetime(2026, 1, 2))
    data = {"session_state": PLAIN, "session_name": f"{tag} name"}
    sessions: list[Any] = [
        AgentSession(session_id=f"{tag}a", agent_id="a", agent_data=PLAIN, summary=summary, session_data=data, **given),
        TeamSession(session_id=f"{tag}t", team_id="t", team_data=PLAIN, session_data=data, **given),
        WorkflowSession(session_id=f"{tag}w", workflow_id="w", workflow_data=PLAIN, session_data=data, **given),
    ]
    for session in sessions:
        await db.upsert_session(session)
    messages = [Message(role="user", content=PLAIN["text"]), Message(role="assistant", content="hi")]
    common: dict[str, Any] = {"content": PLAIN, "created_at": STAMP, "status": RunStatus.completed}
    for n in range(2):
        agent_run = RunOutput(
            run_id=f"{tag}ar{n}", session_id=f"{tag}a", agent_id="a", user_id="alice", messages=messages, **common
        )
        await db.upsert_run(agent_run, f"{tag}a", "alice", n)
    team_run = TeamRunOutput(run_id=f"{tag}tr", session_id=f"{tag}t", team_id="t", messages=messages, **common)
    await db.upsert_run(team_run, f"{tag}t", "alice", 0)
    workflow_run = WorkflowRunOutput(run_id=f"{tag}wr", session_id=f"{tag}w", workflow_id="w", **common)
    await db.upsert_run(workflow_run, f"{tag}w", "alice", 0)


async def _write_traces(db: Any, tag: str) -> None:
    times = {"start_time": NOW, "end_time": NOW + timedelta(milliseconds=5), "created_at": NOW, "duration_ms": 5}
    owners = {"run_id": f"{tag}ar0", "session_id": f"{tag}a", "user_id": "alice", "agent_id": "a"}
    await db.upsert_trace(
        Trace(
            trace_id=f"{tag}tr", name="Helper.arun", status="OK", total_spans=2, error_count=0, team_id=None,
            workflow_id=None, **owners, **times,
        )
    )  # fmt: skip
    spans = [
        Span(
            span_id=f"{tag}s{n}", trace_id=f"{tag}tr", parent_span_id=f"{tag}s0" if n else None, name=f"span {n}",
            span_kind="INTERNAL", status_code="OK", status_message="m", attributes=PLAIN, **times,
        )
        for n in range(2)
    ]  # fmt: skip
    await db.create_spans(spans)


async def _write_work(db: Any, tag: str) -> None:
    """An approval, a schedule and its run."""
    await db.create_approval(
        {
            "id": f"{tag}p", "run_id": f"{tag}ar0", "session_id": f"{tag}a", "status": "pending",
            "source_type": "agent", "approval_type": "required", "pause_type": "confirmation", "tool_name": "t",
            "tool_args": PLAIN, "agent_id": "a", "user_id": "alice", "source_name": "A", "requirements": [PLAIN],
            "context": PLAIN, "created_at": STAMP, "updated_at": STAMP,
        }
    )  # fmt: skip
    await db.create_schedule(
        {
            "id": f"{tag}c", "name": f"{tag}name", "description": "d", "method": "POST", "endpoint": "/x",
            "payload": PLAIN, "cron_expr": "0 9 * * *", "timezone": "UTC", "timeout_seconds": 60, "max_retries": 1,
            "retry_delay_seconds": 2, "enabled": True, "next_run_at": STAMP + 99, "created_at": STAMP,
            "updated_at": STAMP, "user_id": "alice",
        }
    )  # fmt: skip
    await db.create_schedule_run(
        {
            "id": f"{tag}cr", "schedule_id": f"{tag}c", "attempt": 1, "triggered_at": STAMP, "completed_at": STAMP,
            "status": "success", "status_code": 200, "run_id": f"{tag}ar0", "session_id": f"{tag}a", "error": None,
            "input": PLAIN, "output": PLAIN, "requirements": [PLAIN], "created_at": STAMP,
        }
    )  # fmt: skip


async def read_all(db: Any, tag: str) -> dict[str, Any]:
    """What the database says of the objects of `write_all`, as plain values."""
    said: dict[str, Any] = {}
    for kind in ("a", "t", "w"):
        session = await db.get_session(f"{tag}{kind}", session_type=_TYPES[kind])
        said[f"session {kind}"] = session.to_dict()
        said[f"runs {kind}"] = [run.to_dict() for run in session.runs]
    for run_id in ("ar0", "ar1", "tr", "wr"):
        said[f"run {run_id}"] = (await db.get_run(f"{tag}{run_id}")).to_dict()
    said["memory"] = (await db.get_user_memory(f"{tag}m")).to_dict()
    said["knowledge"] = (await db.get_knowledge_content(f"{tag}k")).model_dump()
    said["eval"] = (await db.get_eval_run(f"{tag}e")).model_dump()
    said["trace"] = (await db.get_trace(trace_id=f"{tag}tr")).to_dict()
    said["spans"] = sorted([s.to_dict() for s in await db.get_spans(trace_id=f"{tag}tr")], key=lambda s: s["span_id"])
    said["approval"] = await db.get_approval(f"{tag}p")
    said["schedule"] = await db.get_schedule(f"{tag}c")
    said["schedule run"] = await db.get_schedule_run(f"{tag}cr")
    said["learning"] = await db.get_learning_by_id(f"{tag}l")
    # agno's adapters recalculate some days when they are read: the time of that is no part of the object.
    said["metrics"] = [{**day, "updated_at": None} for day in (await db.get_metrics())[0]]
    said["sessions"] = sorted(s.session_id for s in await db.get_sessions(user_id="alice"))
    said["versions"] = await db.get_latest_schema_version("agno_sessions")
    return said
