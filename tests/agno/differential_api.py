"""The requests of a front end, on an AgentOS over agno's own adapter and over agnodb, and what each answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from agents import helper
from agno.knowledge import Knowledge
from agno.os import AgentOS
from differential import plain
from differential_rows import fill
from httpx import ASGITransport, AsyncClient

Request = tuple[str, str, dict[str, Any]]
"""A method, a path, and the arguments of `AsyncClient.request`."""

_PAGES = ({"limit": 2}, {"limit": 1, "page": 2}, {"limit": 3, "page": 9}, {"limit": 0}, {"page": 0}, {"limit": -1})
_VOLATILE = re.compile(r"search_time_ms|latency|db_id|_duration$|^next_run_at$|^default_db$")


def gets(path: str, *filters: dict[str, Any], sorts: tuple[str, ...] = ()) -> Iterator[Request]:
    """A list: plain, with each filter, in pages, sorted."""
    for params in ({}, *filters, *_PAGES):
        yield "GET", path, {"params": params}
    for column in sorts:
        for order in ("asc", "desc"):
            yield "GET", path, {"params": {"sort_by": column, "sort_order": order, "limit": 50}}


def reads() -> Iterator[Request]:
    """Requests that change nothing."""
    users = [{"user_id": user} for user in ("alice", "bob", "nobody", "")]
    kinds = [{"type": kind} for kind in ("agent", "team", "workflow", "other")]
    named = [{"session_name": name} for name in ("chat", "CHAT 2", "none")]
    sorts = ("created_at", "updated_at", "session_id", "user_id")
    of_agent = {"type": "agent", "component_id": "agent0"}
    yield from gets("/sessions", *users, *kinds, *named, of_agent, {"type": "team", "user_id": "bob"}, sorts=sorts)
    for session, kind in (("a0", "agent"), ("t1", "team"), ("w2", "workflow"), ("none", "agent"), ("a0", "team")):
        for further in ("", "/runs", "/run-previews"):
            yield "GET", f"/sessions/{session}{further}", {"params": {"type": kind}}
            yield "GET", f"/sessions/{session}{further}", {"params": {"type": kind, "user_id": "bob"}}
    for params in ({"status": "COMPLETED"}, {"created_after": 1_760_000_001}, {"created_before": 1_760_000_001}):
        yield "GET", "/sessions/a0/runs", {"params": {"type": "agent", **params}}
    yield "GET", "/sessions/a0/runs/a0r1", {"params": {"type": "agent"}}
    yield "GET", "/sessions/a0/runs/none", {"params": {"type": "agent"}}
    for run in ("a0r0", "a0r1", "none"):
        yield "GET", f"/agents/helper/runs/{run}", {"params": {"session_id": "a0"}}
    yield "GET", "/agents/helper/runs", {"params": {"session_id": "a0"}}
    memories = ({"agent_id": "agent1"}, {"team_id": "team"}, {"search_content": "tea"}, {"topics": "food"})
    yield from gets("/memories", *users, *memories, sorts=("created_at", "updated_at", "memory", "user_id"))
    for path in ("/memories/m0", "/memories/none", "/memory_topics"):
        for params in ({}, {"user_id": "alice"}, {"user_id": "bob"}):
            yield "GET", path, {"params": params}
    yield from gets("/user_memory_stats", *users)
    learned = ({"learning_type": "user_profile"}, {"agent_id": "agent1"}, {"session_id": "a1"}, {"namespace": "user"})
    entities = ({"entity_id": "entity1"}, {"entity_type": "person"})
    yield from gets("/learnings", *users, *learned, *entities, sorts=("learning_id", "user_id"))
    yield from gets("/learnings/users", *users[:3], learned[0], sorts=("user_id",))
    yield from gets("/eval-runs", *kinds, {"agent_id": "agent0"}, {"model_id": "model1"}, {"eval_types": "accuracy"})
    for path in ("/learnings/l0", "/learnings/none", "/eval-runs/e0", "/eval-runs/none"):
        yield "GET", path, {}
    yield from gets("/knowledge/content", sorts=("created_at", "name", "size", "status"))
    for path in ("/knowledge/content/k1", "/knowledge/content/none", "/knowledge/content/k1/status"):
        yield "GET", path, {}
    yield from _reads_of_work(users)


def _reads_of_work(users: list[dict[str, Any]]) -> Iterator[Request]:
    owners = ({"agent_id": "agent0"}, {"session_id": "a1"}, {"run_id": "a1r0"}, {"status": "OK"})
    times = ({"start_time": "2025-10-09T08:54:20Z"}, {"end_time": "2025-10-09T17:54:20+09:00"}, {"start_time": "x"})
    yield from gets("/traces", *users, *owners, *times)
    yield from gets("/trace_session_stats", *users, owners[0], *times)
    for path, params in (("/traces/trace0", {}), ("/traces/trace0", {"span_id": "span01"}), ("/traces/none", {})):
        yield "GET", path, {"params": params}
    expressions = (
        {"op": "EQ", "key": "status", "value": "OK"},
        {"op": "AND", "conditions": [{"op": "GTE", "key": "duration_ms", "value": 8}]},
        {"op": "EQ", "key": "no_such_key", "value": 1},
    )
    for group_by in ("run", "session"):
        for expression in (None, *expressions):
            body = {"filter": expression, "group_by": group_by, "limit": 2, "page": 1}
            yield "POST", "/traces/search", {"json": body}
    yield from gets("/schedules", {"enabled": True}, {"enabled": False})
    yield from gets("/schedules/c0/runs")
    for path in ("/schedules/c0", "/schedules/none", "/schedules/c0/runs/c0r1", "/schedules/c0/runs/none"):
        yield "GET", path, {}
    states = ({"status": "pending"}, {"status": "other"}, {"source_type": "agent"}, {"approval_type": "required"})
    yield from gets("/approvals", *users, *states, {"pause_type": "confirmation"}, {"run_id": "a1r1"})
    for path in (
        "/approvals/count",
        "/approvals/p0",
        "/approvals/none",
        "/approvals/p0/status",
        "/approvals/none/status",
    ):
        yield "GET", path, {}


def writes() -> Iterator[Request]:
    """Requests that change what is stored, each followed by a look at it."""
    agent = {"params": {"type": "agent"}}
    yield "POST", "/sessions", {**agent, "json": {"session_id": "made", "session_name": "made", "agent_id": "helper"}}
    yield "PATCH", "/sessions/made", {**agent, "json": {"session_state": {"n": 1}, "metadata": {"m": 1}}}
    yield "PATCH", "/sessions/none", {**agent, "json": {"session_state": {"n": 1}}}
    for session, params in (("made", {}), ("a1", {"user_id": "alice"}), ("none", {})):
        asked = {"params": {"type": "agent", **params}, "json": {"session_name": "renamed"}}
        yield "POST", f"/sessions/{session}/rename", asked
    yield "GET", "/sessions/made", agent
    yield "POST", "/memories", {"json": {"memory": "new", "user_id": "carol", "topics": ["t"]}}
    yield "PATCH", "/memories/m1", {"json": {"memory": "changed", "user_id": "bob"}}
    yield "PATCH", "/memories/m1", {"json": {"memory": "mine", "user_id": "alice"}}
    yield "PATCH", "/memories/none", {"json": {"memory": "changed", "user_id": "bob"}}
    yield "GET", "/memories/m1", {}
    yield "POST", "/learnings", {"json": {"learning_type": "decision_log", "content": {"n": 1}, "user_id": "carol"}}
    yield "PATCH", "/learnings/l1", {"json": {"content": {"n": 2}}}
    yield "PATCH", "/learnings/none", {"json": {"content": {"n": 2}}}
    yield "PATCH", "/eval-runs/e1", {"json": {"name": "renamed"}}
    yield "PATCH", "/eval-runs/none", {"json": {"name": "renamed"}}
    yield "POST", "/approvals/p1/resolve", {"json": {"status": "approved", "resolved_by": "boss"}}
    yield "POST", "/approvals/p1/resolve", {"json": {"status": "rejected", "resolved_by": "boss"}}
    yield "POST", "/approvals/none/resolve", {"json": {"status": "approved"}}
    schedule = {"name": "daily", "cron_expr": "0 9 * * *", "endpoint": "/agents/helper/runs", "method": "POST"}
    yield "POST", "/schedules", {"json": schedule}
    yield "POST", "/schedules", {"json": schedule}
    yield "POST", "/schedules", {"json": {**schedule, "name": "wrong", "cron_expr": "often"}}
    yield "PATCH", "/schedules/c1", {"json": {"description": "told"}}
    yield "PATCH", "/schedules/c1", {"json": {"name": "daily"}}
    yield "PATCH", "/schedules/none", {"json": {"description": "told"}}
    for state in ("disable", "disable", "enable"):
        yield "POST", f"/schedules/c1/{state}", {}
    yield "GET", "/schedules/c1", {}
    yield "PATCH", "/knowledge/content/k1", {"data": {"name": "renamed"}}
    form = {"message": "hello", "session_id": "talk", "user_id": "carol", "stream": "false"}
    yield "POST", "/agents/helper/runs", {"data": form}
    yield "GET", "/sessions/talk", {"params": {"type": "agent", "user_id": "carol"}}
    yield "POST", "/databases/all/migrate", {}
    for path in (
        "/sessions/a1", "/sessions/none", "/memories/m0", "/memories/none", "/learnings/l0", "/learnings/none",
        "/learnings/users/bob", "/knowledge/content/k2", "/approvals/p0", "/approvals/none", "/schedules/c0",
        "/schedules/none",
    ):  # fmt: skip
        yield "DELETE", path, {}
    yield "DELETE", "/sessions", {"json": {"session_ids": ["a0", "t0"], "session_types": ["agent", "team"]}}
    yield "DELETE", "/memories", {"json": {"memory_ids": ["m1", "none"]}}
    yield "DELETE", "/eval-runs", {"json": {"eval_run_ids": ["e0"]}}
    for path in (
        "/sessions",
        "/memories",
        "/learnings",
        "/eval-runs",
        "/knowledge/content",
        "/approvals",
        "/schedules",
    ):
        yield "GET", path, {"params": {"limit": 50}}


def steady(answer: Any) -> Any:
    """An answer without what differs from one server to the next."""
    if isinstance(answer, dict):
        return {k: steady(v) for k, v in answer.items() if not _VOLATILE.search(k)}
    if isinstance(answer, list):
        return [steady(item) for item in answer]
    return plain(answer)


async def answers(db: Any) -> dict[str, Any]:
    """The request -> the status and what came, of an AgentOS on `db`, which is empty."""
    knowledge = Knowledge(name="books", contents_db=db)
    app = AgentOS(agents=[helper(db)], knowledge=[knowledge], db=db, telemetry=False).get_app()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    told: dict[str, Any] = {}
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://os") as client:
        await fill(_caller(db))
        for number, (method, path, given) in enumerate([*reads(), *writes()]):
            answer = await client.request(method, path, **given)
            is_json = answer.content and "json" in answer.headers.get("content-type", "")
            body = answer.json() if is_json else answer.text
            told[f"{number} {method} {path} {given}"] = [answer.status_code, steady(body)]
    return told


def _caller(db: Any) -> Callable[..., Awaitable[Any]]:
    async def call(method: str, *args: Any, **kwargs: Any) -> None:
        answer = getattr(db, method)(*args, **kwargs)
        if hasattr(answer, "__await__"):
            await answer

    return call
