"""The rows on which agno's own adapter and agnodb are compared: some of every kind, of three owners."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.knowledge import KnowledgeRow
from agno.db.schemas.memory import UserMemory
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.run.team import TeamRunOutput
from agno.session import AgentSession, TeamSession, WorkflowSession
from agno.tracing.schemas import Span, Trace

BEGAN = 1_760_000_000
"""When the rows were made, in epoch seconds: a day that is over."""
MOMENT = datetime.fromtimestamp(BEGAN, UTC)
USERS = ("alice", "bob", None)


async def fill(call: Callable[..., Awaitable[Any]]) -> None:
    """Some rows of every kind, of three owners."""
    for n, user in enumerate((*USERS, "alice")):
        made: dict[str, Any] = {"created_at": BEGAN + n, "updated_at": BEGAN + 50 - n}
        data = {"session_name": f"chat {n}", "session_state": {"n": n}}
        common: dict[str, Any] = {"user_id": user, "session_data": data, "metadata": {"m": n}, **made}
        await call("upsert_session", AgentSession(session_id=f"a{n}", agent_id=f"agent{n % 2}", **common))
        await call("upsert_session", TeamSession(session_id=f"t{n}", team_id="team", **common))
        await call("upsert_session", WorkflowSession(session_id=f"w{n}", workflow_id="flow", **common))
        for m in range(3):
            status = (RunStatus.completed, RunStatus.paused, RunStatus.error)[m]
            run = RunOutput(
                run_id=f"a{n}r{m}", session_id=f"a{n}", agent_id=f"agent{n % 2}", user_id=user, status=status,
                content=f"answer {m}", created_at=BEGAN + n + m,
            )  # fmt: skip
            await call("upsert_run", run, f"a{n}", user, m)
        team_run = TeamRunOutput(
            run_id=f"t{n}r", session_id=f"t{n}", team_id="team", user_id=user, content="x", created_at=BEGAN + 9 + n
        )
        await call("upsert_run", team_run, f"t{n}", user, 0)
        times = {"created_at": BEGAN + n, "updated_at": BEGAN + n}
        memory = UserMemory(
            memory_id=f"m{n}", memory=f"likes tea {n}", topics=["food", f"t{n}"] if n else None, user_id=user or "",
            agent_id=f"agent{n % 2}", team_id="team" if n else None, input=f"i{n}", feedback=None, **times,
        )  # fmt: skip
        await call("upsert_user_memory", memory)
        content = KnowledgeRow(
            id=f"k{n}", name=f"name {3 - n}", description="d", metadata={"m": n}, type="text", size=10 - n,
            linked_to="kb" if n else "other", access_count=n, status="completed", status_message="", user_id=user,
            external_id=None, **made,
        )  # fmt: skip
        await call("upsert_knowledge_content", content)
        await _fill_traces(call, n, user)
        await _fill_work(call, n, user)
    await _fill_what_has_its_time_from_the_database(call)


async def _fill_traces(call: Callable[..., Awaitable[Any]], n: int, user: str | None) -> None:
    start = MOMENT + timedelta(minutes=n)
    times = {"start_time": start, "end_time": start + timedelta(milliseconds=7 + n), "created_at": start}
    await call(
        "upsert_trace",
        Trace(
            trace_id=f"trace{n}", name=f"Agent{n % 2}.arun", status="OK" if n else "ERROR", total_spans=2,
            error_count=0, run_id=f"a{n}r0", session_id=f"a{n}", user_id=user, agent_id=f"agent{n % 2}", team_id=None,
            workflow_id=None, duration_ms=7 + n, **times,
        ),
    )  # fmt: skip
    spans = [
        Span(
            span_id=f"span{n}{m}", trace_id=f"trace{n}", parent_span_id=f"span{n}0" if m else None, name=f"step {m}",
            span_kind="INTERNAL", status_code="OK" if m else "ERROR", status_message="s", duration_ms=5 + m,
            attributes={"openinference.span.kind": "LLM" if m else "AGENT", "n": n}, **times,
        )
        for m in range(2)
    ]  # fmt: skip
    await call("create_spans", spans)


async def _fill_work(call: Callable[..., Awaitable[Any]], n: int, user: str | None) -> None:
    made: dict[str, Any] = {"created_at": BEGAN + n, "updated_at": BEGAN + n}
    await call(
        "create_approval",
        {
            "id": f"p{n}", "run_id": f"a{n}r1", "session_id": f"a{n}", "status": "pending" if n else "approved",
            "source_type": "agent", "approval_type": "required", "pause_type": "confirmation", "tool_name": "tool",
            "tool_args": {"n": n}, "agent_id": f"agent{n % 2}", "user_id": user, "source_name": "A", "context": {},
            **made,
        },
    )  # fmt: skip
    await call(
        "create_schedule",
        {
            "id": f"c{n}", "name": f"schedule {n}", "description": "d", "method": "POST", "endpoint": f"/agents/a{n}",
            "payload": {"n": n}, "cron_expr": "0 9 * * *", "timezone": "UTC", "timeout_seconds": 60, "max_retries": 1,
            "retry_delay_seconds": 2, "enabled": n != 2, "next_run_at": BEGAN + n, "user_id": user, **made,
        },
    )  # fmt: skip
    for m in range(2):
        await call(
            "create_schedule_run",
            {
                "id": f"c{n}r{m}", "schedule_id": f"c{n}", "attempt": m, "triggered_at": BEGAN + m, "status": "success",
                "status_code": 200, "run_id": None, "session_id": None, "error": None, "input": {}, "output": {},
                "created_at": BEGAN + m, "completed_at": BEGAN + m,
            },
        )  # fmt: skip


async def _fill_what_has_its_time_from_the_database(call: Callable[..., Awaitable[Any]]) -> None:
    """All within one second: rows that sort alike are compared too."""
    await asyncio.sleep(1 - time.time() % 1)
    for n, user in enumerate((*USERS, "alice")):
        evaluation = EvalRunRecord(
            run_id=f"e{n}", eval_type=EvalType.ACCURACY if n else EvalType.RELIABILITY, eval_data={"score": n},
            eval_input={"q": n}, name=f"eval {n}", agent_id=f"agent{n % 2}", model_id=f"model{n % 2}",
            model_provider="p", evaluated_component_name="c",
        )  # fmt: skip
        await call("create_eval_run", evaluation)
        await call(
            "upsert_learning",
            id=f"l{n}",
            learning_type="user_profile" if n else "entity_memory",
            content={"name": f"N{n}"},
            user_id=user,
            agent_id=f"agent{n % 2}",
            namespace="user",
            entity_id=f"entity{n}",
            entity_type="person",
            session_id=f"a{n}",
            metadata={"n": n},
        )
