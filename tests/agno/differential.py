"""The same calls on agno's own adapter and on agnodb, and what each says, as values that can be compared.

Every method of agno's contract that agnodb keeps is called with each of its arguments, one after the other; lists are
sorted by every column of their table, in both orders.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

from agno.db.base import AsyncBaseDb, SessionType
from agno.db.schemas.evals import EvalFilterType, EvalType
from agno.db.schemas.knowledge import KnowledgeRow
from agno.db.schemas.memory import UserMemory
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.session import AgentSession
from differential_rows import BEGAN, MOMENT, fill

from agnodb.config import Layout
from agnodb.models import tables_for

_ID = re.compile(r"^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$")

Said = dict[str, Any]
"""The call -> what it said."""

# -- what is asked --------------------------------------------------------------------------------------------------

_DAY = MOMENT.date()
VALUES: dict[str, tuple[Any, ...]] = {
    "session_id": ("a0", "a3", "none"),
    "session_ids": (["a0", "t1"], []),
    "session_type": (SessionType.AGENT, SessionType.TEAM, SessionType.WORKFLOW),
    "user_id": ("alice", "bob", "nobody", ""),
    "component_id": ("agent0", "team", "none"),
    "session_name": ("chat", "CHAT 1", "%", "none"),
    "start_timestamp": (BEGAN + 1, BEGAN + 99),
    "end_timestamp": (BEGAN + 1, BEGAN - 99),
    "limit": (0, 1, 2, 100),
    "sort_order": ("asc", "desc"),
    "deserialize": (False, True),
    "include_runs": (False,),
    "runs_limit": (0, 1, 2),
    "run_id": ("a0r0", "t1r", "e1", "none"),
    "run_ids": (["a0r0", "a1r0"], []),
    "agent_id": ("agent0", "agent1", "none"),
    "team_id": ("team", "none"),
    "workflow_id": ("flow", "none"),
    "status": ("COMPLETED", "PAUSED", "OK", "ERROR", "pending", "approved", "none"),
    "memory_id": ("m0", "m1", "none"),
    "memory_ids": (["m0", "m1"], []),
    "topics": (["food"], ["food", "t1"], ["none"], []),
    "search_content": ("tea", "TEA 1", "%", "none"),
    "id": ("k0", "none", "l0"),
    "linked_to": ("kb", "none"),
    "eval_run_id": ("e0", "none"),
    "eval_run_ids": (["e0", "e1"], []),
    "model_id": ("model0", "none"),
    "eval_type": ([EvalType.ACCURACY], [EvalType.RELIABILITY, EvalType.ACCURACY], []),
    "filter_type": tuple(EvalFilterType),
    "trace_id": ("trace0", "none"),
    "span_id": ("span00", "none"),
    "parent_span_id": ("span00", "none"),
    "start_time": (MOMENT + timedelta(minutes=1), MOMENT + timedelta(days=9)),
    "end_time": (MOMENT + timedelta(minutes=1), MOMENT - timedelta(days=9)),
    "starting_date": (_DAY, _DAY + timedelta(days=1)),
    "ending_date": (_DAY, _DAY - timedelta(days=1)),
    "filter_expr": (
        {"op": "EQ", "key": "status", "value": "OK"},
        {"op": "CONTAINS", "key": "name", "value": "agent1"},
        {"op": "GTE", "key": "duration_ms", "value": 8},
        {"op": "IN", "key": "user_id", "values": ["alice", "bob"]},
        {"op": "NOT", "condition": {"op": "EQ", "key": "status", "value": "OK"}},
    ),
    "name": ("step 0", "schedule 1", "none"),
    "span_type": ("LLM", "AGENT", "none"),
    "approval_id": ("p0", "none"),
    "source_type": ("agent", "team"),
    "approval_type": ("required", "audit"),
    "pause_type": ("confirmation", "none"),
    "schedule_id": ("c0", "none"),
    "schedule_ids": (["c0", "c1"], []),
    "schedule_run_id": ("c0r0", "none"),
    "enabled": (True, False),
    "learning_id": ("l0", "none"),
    "learning_type": ("user_profile", "none"),
    "namespace": ("user", "none"),
    "entity_id": ("entity0", "none"),
    "entity_type": ("person", "none"),
    "query": ("N1", "n1", "%", "none"),
    "table_name": ("agno_sessions", "none"),
    "previous_user_id": ("alice", "bob"),
}  # fmt: skip
"""Argument -> the values that it is given, one after the other; the first one where a call needs it."""

TABLE = {
    "get_sessions": "sessions", "get_runs": "runs", "get_user_memories": "memories",
    "get_knowledge_contents": "knowledge", "get_eval_runs": "eval_runs", "list_learnings": "learnings",
    "get_learnings": "learnings", "search_learnings": "learnings",
}  # fmt: skip
"""The table whose columns a list is sorted by."""

READS = (
    "get_session", "get_sessions", "get_run", "get_runs", "get_user_memory", "get_user_memories",
    "get_all_memory_topics", "get_user_memory_stats", "get_knowledge_content", "get_knowledge_contents",
    "get_eval_run", "get_eval_runs", "get_trace", "get_traces", "get_trace_stats", "get_span", "get_spans",
    "get_span_stats", "get_approval", "get_approvals", "get_pending_approval_count", "get_schedule",
    "get_schedule_by_name", "get_schedules", "get_schedule_run", "get_schedule_runs", "get_latest_schedule_runs",
    "get_learning", "get_learning_by_id", "get_learnings", "list_learnings", "search_learnings",
    "get_learnings_user_stats", "get_metrics", "get_latest_schema_version",
)  # fmt: skip


def reads(columns: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(label, method, arguments) of every read, with each of its arguments."""
    for method in READS:
        parameters = list(inspect.signature(getattr(AsyncBaseDb, method)).parameters.values())[1:]
        needed = {p.name: VALUES[p.name][0] for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
        yield f"{method}()", method, needed
        for parameter in parameters:
            for value in VALUES.get(parameter.name, ()):
                given = {**needed, parameter.name: value}
                if parameter.name == "sort_order":
                    continue
                yield f"{method}({parameter.name}={shown(value)})", method, given
        names = {p.name for p in parameters}
        if "page" in names:
            for limit, page in ((1, 1), (1, 2), (2, 2), (5, 9)):
                given = {**needed, "limit": limit, "page": page}
                yield f"{method}(limit={limit}, page={page})", method, given
        if "sort_by" in names:
            for column in (*columns.get(TABLE.get(method, ""), ()), "no_such_column"):
                for order in ("asc", "desc", None):
                    given = {**needed, "sort_by": column, "sort_order": order}
                    yield f"{method}(sort_by={column}, sort_order={order})", method, given
        if {"deserialize", "limit", "page"} <= names:
            yield f"{method}(deserialize=False, limit=2)", method, {**needed, "deserialize": False, "limit": 2}


def shown(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def columns_of_lists(kind: str) -> dict[str, tuple[str, ...]]:
    """The columns that agno's tables have."""
    tables = tables_for(Layout("ai" if kind == "postgresql" else None))
    return {
        concept: tuple(c.name for c in getattr(tables, concept).columns if not c.name.startswith("agnodb_"))
        for concept in set(TABLE.values())
    }


# -- what is changed ------------------------------------------------------------------------------------------------


def writes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(label, method, arguments) of writes, each of which finds what those before it left."""
    yield from _session_writes()
    yield from _other_writes()
    yield from _removals()


def _session_writes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    bare = AgentSession(session_id="new", agent_id="agent0", user_id="alice", created_at=BEGAN)
    yield "upsert_session(new)", "upsert_session", {"session": bare}
    yield "upsert_session(new, deserialize=False)", "upsert_session", {"session": bare, "deserialize": False}
    other = AgentSession(
        session_id="new2", agent_id="agent0", user_id="bob", session_data={"a": 1}, runs=[], created_at=BEGAN
    )
    yield "upsert_session(runs=[])", "upsert_session", {"session": other}
    kinds = {"session_id": "a0", "session_type": SessionType.AGENT}
    yield "rename_session", "rename_session", {**kinds, "session_name": "renamed"}
    yield "rename_session(plain)", "rename_session", {**kinds, "session_name": "again", "deserialize": False}
    yield "rename_session(bob)", "rename_session", {**kinds, "session_name": "mine", "user_id": "bob"}
    yield "rename_session(none)", "rename_session", {**kinds, "session_id": "none", "session_name": "x"}
    yield "rename_session(team)", "rename_session", {**kinds, "session_type": SessionType.TEAM, "session_name": "x"}
    run = RunOutput(run_id="late", session_id="a0", agent_id="agent0", user_id="alice", content="late")
    yield "upsert_run(late)", "upsert_run", {"run": run, "session_id": "a0", "user_id": "alice"}
    timeless = AgentSession(session_id="timeless", agent_id="agent0", user_id="alice")
    yield "upsert_session(no time)", "upsert_session", {"session": timeless}
    yield "upsert_session(no time), undone", "delete_session", {"session_id": "timeless"}
    cancel = {"session_id": "a0", "reason": "late", "user_id": "alice"}
    yield "cancel_pending_run", "cancel_pending_run", {"run_id": "late", "expected_status": "RUNNING", **cancel}
    yield "cancel_pending_run(done)", "cancel_pending_run", {"run_id": "a0r0", **cancel}
    change = {"session_id": "a0", "user_id": "alice", "fields": {"status": "CANCELLED", "content": "gone"}}
    yield "update_run_in_session", "update_run_in_session", {"run_id": "a0r1", **change}
    yield "update_run_in_session(done)", "update_run_in_session", {"run_id": "a0r0", **change}
    yield "update_run_in_session(none)", "update_run_in_session", {"run_id": "none", **change}
    given = {"previous_user_id": "alice", "user_id": "carol"}
    yield "reassign_session_owner(a run is paused)", "reassign_session_owner", {"session_id": "a3", **given}
    yield "reassign_session_owner", "reassign_session_owner", {"session_id": "t0", **given}
    yield "reassign_session_owner(not theirs)", "reassign_session_owner", {"session_id": "t1", **given}


def _other_writes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    memory = UserMemory(memory_id="new", memory="m", user_id="alice", topics=None)
    yield "upsert_user_memory", "upsert_user_memory", {"memory": memory}
    yield "upsert_user_memory(plain)", "upsert_user_memory", {"memory": memory, "deserialize": False}
    content = KnowledgeRow(id="new", name="n", description="d", user_id="alice")
    yield "upsert_knowledge_content", "upsert_knowledge_content", {"knowledge_row": content}
    yield "upsert_knowledge_content(again)", "upsert_knowledge_content", {"knowledge_row": content}
    yield "rename_eval_run", "rename_eval_run", {"eval_run_id": "e0", "name": "renamed"}
    yield "rename_eval_run(plain)", "rename_eval_run", {"eval_run_id": "e0", "name": "again", "deserialize": False}
    yield "rename_eval_run(none)", "rename_eval_run", {"eval_run_id": "none", "name": "x"}
    yield "update_eval_run_user_id", "update_eval_run_user_id", {"eval_run_id": "e0", "user_id": "alice"}
    for approval_id, expected in (("p1", "pending"), ("p1", "pending"), ("none", None)):
        resolved = {"approval_id": approval_id, "status": "approved", "resolved_by": "root", "resolved_at": BEGAN}
        given = {"expected_status": expected, **resolved}
        yield f"update_approval({approval_id}, {expected})", "update_approval", given
    run_status = {"run_id": "a2r1", "run_status": RunStatus.completed}
    yield "update_approval_run_status", "update_approval_run_status", run_status
    yield "update_schedule", "update_schedule", {"schedule_id": "c1", "description": "told", "enabled": False}
    yield "update_schedule(owner)", "update_schedule", {"schedule_id": "c1", "user_id": "nobody", "description": "x"}
    yield "update_schedule(none)", "update_schedule", {"schedule_id": "none", "description": "x"}
    taken = {
        "id": "c9", "name": "schedule 0", "method": "POST", "endpoint": "/x", "cron_expr": "* * * * *",
        "timezone": "UTC", "enabled": True, "user_id": "alice", "created_at": BEGAN,
    }  # fmt: skip
    yield "create_schedule(taken name)", "create_schedule", {"schedule_data": taken}
    yield "update_schedule_run", "update_schedule_run", {"schedule_run_id": "c0r0", "status": "failed", "error": "e"}
    yield "update_schedule_run(none)", "update_schedule_run", {"schedule_run_id": "none", "status": "failed"}
    yield "claim_due_schedule", "claim_due_schedule", {"worker_id": "w"}
    learning = {"id": "l1", "learning_type": "user_profile", "content": {"name": "changed"}, "user_id": "bob"}
    yield "upsert_learning", "upsert_learning", learning
    yield "update_learning", "update_learning", {"id": "l1", "content": {"name": "again"}}
    yield "update_learning(none)", "update_learning", {"id": "none", "content": {"name": "again"}}
    yield "calculate_metrics", "calculate_metrics", {}


def _removals() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for method, key, values in (
        ("delete_session", "session_id", ("a1", "none")), ("delete_run", "run_id", ("t0r", "none")),
        ("delete_user_memory", "memory_id", ("m0", "none")), ("delete_knowledge_content", "id", ("k0", "none")),
        ("delete_approval", "approval_id", ("p0", "none")), ("delete_schedule", "schedule_id", ("c0", "none")),
        ("delete_learning", "id", ("l0", "none")),
    ):  # fmt: skip
        for value in values:
            yield f"{method}({value})", method, {key: value}
    yield "delete_session(not theirs)", "delete_session", {"session_id": "a3", "user_id": "bob"}
    yield "delete_sessions", "delete_sessions", {"session_ids": ["t1", "none"]}
    yield "delete_sessions(not theirs)", "delete_sessions", {"session_ids": ["t2", "t3"], "user_id": "bob"}
    yield "delete_runs", "delete_runs", {"run_ids": ["a2r0", "none"]}
    yield "delete_user_memories", "delete_user_memories", {"memory_ids": ["m1", "none"]}
    yield "delete_user_memories(not theirs)", "delete_user_memories", {"memory_ids": ["m3"], "user_id": "bob"}
    yield "delete_eval_runs", "delete_eval_runs", {"eval_run_ids": ["e0", "none"]}
    yield "delete_schedule_runs", "delete_schedule_runs", {"schedule_id": "c1"}
    yield "delete_user_learnings", "delete_user_learnings", {"user_id": "alice"}
    yield "clear_memories", "clear_memories", {}


# -- what is said ---------------------------------------------------------------------------------------------------


def plain(value: Any, key: str = "") -> Any:
    """`value` as something that compares: objects by their class and fields, times of now and random ids as such."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {k: plain(v, str(k)) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *(plain(item) for item in value)]
    if isinstance(value, (datetime, date)):
        return f"{type(value).__name__} {value.isoformat()}" if "updated" not in key else "now"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value - time.time()) < 3600:
        return "now"
    if isinstance(value, str) and _ID.match(value):
        return "an id"
    if isinstance(value, str) and value.startswith(f"{datetime.now(UTC):%Y-%m-%dT}"):
        return "now"
    fields = _fields(value)
    return value if fields is None else {"": type(value).__name__, **plain(fields)}


def _fields(value: Any) -> dict[str, Any] | None:
    if hasattr(value, "model_dump"):
        return dict(value.model_dump())
    if hasattr(value, "to_dict"):
        return {"runs": getattr(value, "runs", "no runs"), **value.to_dict()}
    return vars(value) if dataclasses.is_dataclass(value) else None


async def say(db: Any, method: str, arguments: dict[str, Any]) -> Any:
    """What `method` returns, or that it raises."""
    try:
        answer = getattr(db, method)(**arguments)
        return plain(await answer if inspect.isawaitable(answer) else answer)
    except Exception as error:
        return f"raises {type(error).__name__}"


def alike(label: str, ours: Any, theirs: Any) -> bool:
    """Whether two answers are the same to a caller: an error is an error, and rows that sort alike have no order."""
    if ours == theirs or (_raised(ours) and _raised(theirs)):
        return True
    if isinstance(ours, list) and isinstance(theirs, list) and ours[:1] == ["tuple"] == theirs[:1]:
        return ours[2:] == theirs[2:] and alike(label, ours[1], theirs[1])
    if (
        not isinstance(ours, list)
        or not isinstance(theirs, list)
        or sorted(map(repr, ours)) != sorted(map(repr, theirs))
    ):
        return False
    column = re.search(r"sort_by=(\w+)", label)
    if column is None:
        return True
    told = [[row.get(column[1]) for row in answer[1:] if isinstance(row, dict)] for answer in (ours, theirs)]
    return told[0] == told[1]


def _raised(answer: Any) -> bool:
    return isinstance(answer, str) and answer.startswith("raises ")


async def told(db: Any, kind: str) -> Said:
    """All that `db`, which is empty, says to the script."""

    async def call(method: str, *args: Any, **kwargs: Any) -> None:
        answer = getattr(db, method)(*args, **kwargs)
        if inspect.isawaitable(answer):
            await answer

    await call("_create_all_tables")  # as AgentOS does: some of agno's writes do nothing where there is no table
    await fill(call)
    said = {label: await say(db, method, given) for label, method, given in reads(columns_of_lists(kind))}
    for label, method, given in writes():
        said[label] = await say(db, method, given)
    for method in READS:
        needed = inspect.signature(getattr(AsyncBaseDb, method)).parameters.values()
        if all(p.default is not p.empty or p.kind is p.VAR_KEYWORD or p.name == "self" for p in needed):
            said[f"{method}() in the end"] = await say(db, method, {})
    return said
