"""The rest of agno's interface: what is read and written beside sessions and runs, on agno's adapter and agnodb's.

There is no floor: a bare driver would need as many statements by hand as there are calls, and says little more than
that of `calls` does.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agno.db.base import SessionType
from agno.db.schemas import UserMemory
from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.knowledge import KnowledgeRow
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.session import AgentSession

from benchmarks import traces
from benchmarks.data import CALLERS, PAGE
from benchmarks.measure import Bench
from benchmarks.sides import create_tables, sides

ROWS, USERS = 500, 10
AT = 1_750_000_000
NEW = itertools.count(ROWS)
TEXT = "word " * 100


def user(n: int) -> str:
    return f"user-{n % USERS}"


def session(n: int) -> AgentSession:
    return AgentSession(
        session_id=f"s{n}", agent_id="agent-1", user_id=user(n), session_data={"session_name": f"Talk {n}"},
        created_at=AT + n, updated_at=AT + n,
    )  # fmt: skip


def run_of(n: int, number: int) -> RunOutput:
    return RunOutput(
        run_id=f"s{n}-{number}", session_id=f"s{n}", agent_id="agent-1", user_id=user(n), content=TEXT,
        status=RunStatus.completed, created_at=AT + n,
    )  # fmt: skip


def memory(n: int) -> UserMemory:
    return UserMemory(
        memory=f"{TEXT}{n}", memory_id=f"m{n}", user_id=user(n), topics=[f"topic-{n % 7}"], created_at=AT + n
    )


def knowledge(n: int) -> KnowledgeRow:
    return KnowledgeRow(
        id=f"k{n}", name=f"n{n}", description=TEXT, metadata={"n": n}, type="text", size=500, status="completed",
        user_id=user(n), created_at=AT + n, updated_at=AT + n,
    )  # fmt: skip


def evaluation(n: int) -> EvalRunRecord:
    return EvalRunRecord(
        run_id=f"e{n}", eval_type=EvalType.ACCURACY, eval_data={"score": n}, agent_id="agent-1", name=f"eval {n}"
    )


def learning(n: int) -> dict[str, Any]:
    return {
        "id": f"l{n}", "learning_type": "insight", "content": {"text": TEXT}, "user_id": user(n), "agent_id": "agent-1",
        "namespace": f"space-{n % 50}",
    }  # fmt: skip


def approval(n: int) -> dict[str, Any]:
    return {
        "id": f"a{n}", "run_id": f"s{n}-0", "session_id": f"s{n}", "status": "pending", "source_type": "agent",
        "approval_type": "required", "pause_type": "confirmation", "tool_name": "send", "tool_args": {"n": n},
        "user_id": user(n), "created_at": AT + n,
    }  # fmt: skip


def schedule(n: int) -> dict[str, Any]:
    return {
        "id": f"c{n}", "name": f"schedule {n}", "method": "POST", "endpoint": "/agents/a/runs",
        "cron_expr": "0 9 * * *", "timezone": "UTC", "timeout_seconds": 60, "max_retries": 0,
        "retry_delay_seconds": 60, "enabled": True, "next_run_at": AT + 10**9, "created_at": AT + n,
    }  # fmt: skip


def schedule_run(n: int, number: Any = 0) -> dict[str, Any]:
    return {
        "id": f"c{n}-{number}", "schedule_id": f"c{n}", "attempt": 1, "triggered_at": AT, "status": "success",
        "created_at": AT,
    }  # fmt: skip


def trace(n: int) -> Any:
    return replace(traces.FIRST, trace_id=f"t{n}", run_id=f"s{n}-0", session_id=f"s{n}", user_id=user(n))


@dataclass(frozen=True)
class Call:
    """One row of the report: `call(db, n)`, with the number of a row that is there, or of a `new` one."""

    name: str
    call: Callable[[Any, int], Awaitable[Any]]
    new: bool = False

    def inputs(self, count: int) -> Sequence[int]:
        # Callers at once take every sixteenth: each has rows of its own.
        return [next(NEW) if self.new else n % (2 * CALLERS) for n in range(count)]


FILL: tuple[Callable[[Any, int], Awaitable[Any]], ...] = (
    lambda db, n: db.upsert_session(session(n)),
    lambda db, n: db.upsert_run(run=run_of(n, 0), session_id=f"s{n}", user_id=user(n)),
    lambda db, n: db.upsert_user_memory(memory(n)),
    lambda db, n: db.upsert_knowledge_content(knowledge(n)),
    lambda db, n: db.create_eval_run(evaluation(n)),
    lambda db, n: db.upsert_learning(**learning(n)),
    lambda db, n: db.create_approval(approval(n)),
    lambda db, n: db.create_schedule(schedule(n)),
    lambda db, n: db.create_schedule_run(schedule_run(n)),
    lambda db, n: db.upsert_trace(trace(n)),
)

CALLS = (
    Call("insert_session_if_absent", lambda db, n: db.insert_session_if_absent(session(n)), new=True),
    Call("rename_session", lambda db, n: db.rename_session(f"s{n}", SessionType.AGENT, f"Talk about {n}")),
    Call("delete_session", lambda db, n: db.delete_session(f"s{n}"), new=True),
    Call("get_run", lambda db, n: db.get_run(f"s{n}-0")),
    Call("get_runs, of a session", lambda db, n: db.get_runs(session_id=f"s{n}", limit=PAGE, page=1)),
    Call(
        "append_run_to_session_if_absent",
        lambda db, n: db.append_run_to_session_if_absent(f"s{n % CALLERS}", run_of(n % CALLERS, n).to_dict()),
        new=True,
    ),
    Call("update_run_in_session", lambda db, n: db.update_run_in_session(f"s{n}", f"s{n}-0", {"content": TEXT})),
    Call("get_user_memories, of a user", lambda db, n: db.get_user_memories(user_id=user(n), limit=PAGE, page=1)),
    Call("get_all_memory_topics", lambda db, n: db.get_all_memory_topics(user_id=user(n))),
    Call("get_user_memory_stats", lambda db, n: db.get_user_memory_stats(limit=PAGE, page=1)),
    Call("upsert_knowledge_content", lambda db, n: db.upsert_knowledge_content(knowledge(n))),
    Call("get_knowledge_content", lambda db, n: db.get_knowledge_content(f"k{n}")),
    Call("get_knowledge_contents, page of 20", lambda db, n: db.get_knowledge_contents(limit=PAGE, page=1)),
    Call("create_eval_run", lambda db, n: db.create_eval_run(evaluation(n)), new=True),
    Call("get_eval_run", lambda db, n: db.get_eval_run(f"e{n}")),
    Call("get_eval_runs, page of 20", lambda db, n: db.get_eval_runs(limit=PAGE, page=1, deserialize=False)),
    Call("upsert_learning", lambda db, n: db.upsert_learning(**learning(n))),
    Call(
        "get_learning",
        lambda db, n: db.get_learning(learning_type="insight", user_id=user(n), namespace=f"space-{n % 50}"),
    ),
    Call("get_learnings, of a user", lambda db, n: db.get_learnings(user_id=user(n), limit=PAGE)),
    Call("create_approval", lambda db, n: db.create_approval(approval(n)), new=True),
    Call("get_approval", lambda db, n: db.get_approval(f"a{n}")),
    Call("get_approvals, pending, page of 20", lambda db, n: db.get_approvals(status="pending", limit=PAGE, page=1)),
    Call("get_pending_approval_count", lambda db, n: db.get_pending_approval_count(user_id=user(n))),
    Call("update_approval", lambda db, n: db.update_approval(f"a{n}", expected_status="pending", status="pending")),
    Call("get_schedule", lambda db, n: db.get_schedule(f"c{n}")),
    Call("get_schedules, page of 20", lambda db, n: db.get_schedules(limit=PAGE, page=1)),
    Call("claim_due_schedule, none is due", lambda db, n: db.claim_due_schedule("worker")),
    Call("create_schedule_run", lambda db, n: db.create_schedule_run(schedule_run(n % CALLERS, n)), new=True),
    Call("update_schedule_run", lambda db, n: db.update_schedule_run(f"c{n}-0", status="failed", error="late")),
    Call("get_schedule_runs", lambda db, n: db.get_schedule_runs(f"c{n}", limit=PAGE, page=1)),
    Call("upsert_trace", lambda db, n: db.upsert_trace(trace(n))),
    Call("get_trace", lambda db, n: db.get_trace(trace_id=f"t{n}")),
    Call("get_trace_stats", lambda db, n: db.get_trace_stats(limit=PAGE, page=1)),
)


async def run(bench: Bench) -> None:
    """Every call on both sides: filled by their own writes, measured, then counted."""
    async with sides(bench.url, bench.only) as direct, sides(bench.proxy.url(bench.url), bench.only) as wired:
        two, two_wired = ([side for side in made if side.name != "floor"] for made in (direct, wired))
        await create_tables(two, bench.url)
        for side in two:
            for write in FILL:
                for first in range(0, ROWS, CALLERS):
                    await asyncio.gather(*(write(side.db, n) for n in range(first, min(first + CALLERS, ROWS))))
        for one in CALLS:

            async def call(side: Any, n: int, one: Call = one) -> Any:
                return await one.call(side.db, n)

            await bench.compare(one.name, call, one.inputs, two, two_wired)
