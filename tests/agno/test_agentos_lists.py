"""AgentOS over HTTP on agnodb: every other list, filtered, sorted and paged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.knowledge import KnowledgeRow
from agno.tracing.schemas import Span, Trace
from asking import ask, good, is_paged, listing
from httpx import AsyncClient


async def test_evaluations(api: AsyncClient, db: Any) -> None:
    kinds = (EvalType.ACCURACY, EvalType.RELIABILITY, EvalType.ACCURACY)
    for n, kind in enumerate(kinds):
        await db.create_eval_run(
            EvalRunRecord(run_id=f"e{n}", eval_type=kind, eval_data={"n": n}, agent_id=f"a{n % 2}", model_id="m")
        )
    await db.create_eval_run(EvalRunRecord(run_id="t", eval_type=EvalType.PERFORMANCE, eval_data={}, team_id="t"))
    path = "/eval-runs"
    assert len(await is_paged(api, path, "id", 4)) == 4
    assert await is_paged(api, path, "id", 4, sort_by="run_id", sort_order="asc") == ["e0", "e1", "e2", "t"]
    assert sorted(e["id"] for e in (await listing(api, path, eval_types="accuracy"))[0]) == ["e0", "e2"]
    assert [e["id"] for e in (await listing(api, path, agent_id="a1", model_id="m"))[0]] == ["e1"]
    assert [e["id"] for e in (await listing(api, path, type="team"))[0]] == ["t"]
    assert good(await api.patch(f"{path}/e0", json={"name": "Sums"}))["name"] == "Sums"
    assert good(await api.get(f"{path}/e0"))["eval_data"] == {"n": 0}
    good(await api.request("DELETE", path, json={"eval_run_ids": ["e0", "t"]}))
    assert (await api.get(f"{path}/e0")).status_code == 404
    assert (await listing(api, path))[1]["total_count"] == 2


async def test_approvals(api: AsyncClient) -> None:
    paused = await ask(api, "refund_order with order A-17")
    await ask(api, "refund_order with order B-2", "t", "bob")
    assert len(await is_paged(api, "/approvals", "id", 2)) == 2
    assert good(await api.get("/approvals/count", params={"user_id": "alice"})) == {"count": 1}
    [mine], meta = await listing(api, "/approvals", status="pending", user_id="alice", run_id=paused["run_id"])
    assert (mine["tool_args"], meta["total_count"]) == ({"order": "A-17"}, 1)
    for empty in ({"status": "approved"}, {"agent_id": "x"}, {"approval_type": "audit"}, {"schedule_id": "x"}):
        assert (await listing(api, "/approvals", **empty))[0] == []
    one = f"/approvals/{mine['id']}"
    assert good(await api.get(f"{one}/status"))["status"] == "pending"
    decision = {"status": "approved", "resolved_by": "boss", "resolution_data": {"why": "é"}}
    resolved = good(await api.post(f"{one}/resolve", json=decision))
    assert {key: resolved[key] for key in decision} == decision
    assert (await api.post(f"{one}/resolve", json={"status": "rejected"})).status_code == 409
    form = {"tools": "", "session_id": "s", "user_id": "alice", "stream": "false"}
    done = good(await api.post(f"/agents/helper/runs/{paused['run_id']}/continue", data=form))
    assert (done["status"], done["content"]) == ("COMPLETED", "Done: refunded A-17")
    assert good(await api.get(one))["run_status"] == "COMPLETED"
    assert (await api.delete(one)).status_code == 204
    assert (await api.get(one)).status_code == 404


async def test_schedules(api: AsyncClient, db: Any) -> None:
    for n in range(3):
        schedule = {"id": f"s{n}", "name": f"n{n}", "endpoint": "/x", "method": "POST", "cron_expr": "0 9 * * *"}
        rest = {"timezone": "UTC", "timeout_seconds": 60, "max_retries": 0, "retry_delay_seconds": 1}
        await db.create_schedule({**schedule, **rest, "enabled": n < 2, "next_run_at": 1, "payload": {"é": [n]}})
        await db.create_schedule_run({"id": f"r{n}", "schedule_id": "s0", "status": "success", "attempt": 1})
    assert len(await is_paged(api, "/schedules", "id", 3)) == 3
    assert sorted(s["id"] for s in (await listing(api, "/schedules", enabled=True))[0]) == ["s0", "s1"]
    assert good(await api.get("/schedules/s0"))["payload"] == {"é": [0]}
    assert good(await api.post("/schedules/s0/disable"))["enabled"] is False
    assert len(await is_paged(api, "/schedules/s0/runs", "id", 3)) == 3
    assert (await listing(api, "/schedules/s1/runs"))[0] == []
    assert good(await api.get("/schedules/s0/runs/r1"))["schedule_id"] == "s0"
    assert (await api.delete("/schedules/s0")).status_code == 204
    assert (await api.get("/schedules/s0")).status_code == 404
    assert await db.get_schedule_runs("s0") in ([], ([], 0))


async def test_learnings(api: AsyncClient) -> None:
    made = []
    for user, n in (("alice", 1), ("alice", 2), ("bob", 3)):
        body = {"learning_type": "decision_log", "content": {"n": n}, "user_id": user, "agent_id": f"a{n}"}
        made.append(good(await api.post("/learnings", json=body)))
    assert len(await is_paged(api, "/learnings", "learning_id", 3)) == 3
    newest = await is_paged(api, "/learnings", "learning_id", 2, user_id="alice", sort_by="created_at")
    assert set(newest) == {m["learning_id"] for m in made[:2]}
    assert [x["content"] for x in (await listing(api, "/learnings", agent_id="a3"))[0]] == [{"n": 3}]
    assert (await listing(api, "/learnings", learning_type="user_profile"))[0] == []
    assert await is_paged(api, "/learnings/users", "user_id", 2) in (["alice", "bob"], ["bob", "alice"])
    one = f"/learnings/{made[0]['learning_id']}"
    good(await api.patch(one, json={"content": {"n": "new"}}))
    changed = good(await api.get(one))
    assert (changed["content"], changed["user_id"], changed["agent_id"]) == ({"n": "new"}, "alice", "a1")
    assert (await api.delete(one)).status_code in (200, 204)
    assert (await api.get(one)).status_code == 404
    good(await api.delete("/learnings/users/alice"))
    assert [x["user_id"] for x in (await listing(api, "/learnings"))[0]] == ["bob"]


async def test_knowledge(api: AsyncClient, db: Any) -> None:
    for n in range(3):
        row = KnowledgeRow(id=f"k{n}", name=f"n{2 - n}", description="d", linked_to="books", metadata={"n": n})
        await db.upsert_knowledge_content(row)
    await db.upsert_knowledge_content(KnowledgeRow(id="other", name="o", description="d", linked_to="else"))
    path = "/knowledge/content"
    assert len(await is_paged(api, path, "id", 3)) == 3
    assert await is_paged(api, path, "id", 3, sort_by="id", sort_order="desc") == ["k2", "k1", "k0"]
    assert good(await api.get(f"{path}/k1"))["metadata"] == {"n": 1}
    good(await api.get(f"{path}/k1/status"))
    good(await api.patch(f"{path}/k1", data={"name": "renamed"}))
    assert good(await api.get(f"{path}/k1"))["name"] == "renamed"
    good(await api.delete(f"{path}/k1"))
    assert (await api.get(f"{path}/k1")).status_code == 404
    assert (await listing(api, path))[1]["total_count"] == 2


async def test_metrics(api: AsyncClient) -> None:
    run = await ask(api, "hello")
    other = await ask(api, "hello", "t", "bob")
    good(await api.post("/metrics/refresh"))
    assert good(await api.get("/metrics/refresh/status"))["status"] == "completed"
    body = good(await api.get("/metrics"))
    assert body["updated_at"]
    [day] = body["metrics"]
    assert (day["agent_runs_count"], day["agent_sessions_count"], day["users_count"]) == (2, 2, 2)
    tokens = [r["metrics"]["total_tokens"] for r in (run, other)]
    assert day["token_metrics"]["total_tokens"] == sum(tokens)
    assert [(m["model_id"], m["count"]) for m in day["model_metrics"]] == [("offline-1", 2)]
    [bobs] = good(await api.get("/metrics", params={"user_id": "bob"}))["metrics"]
    assert (bobs["agent_runs_count"], bobs["token_metrics"]["total_tokens"]) == (1, tokens[1])
    today = day["date"][:10]
    assert len(good(await api.get("/metrics", params={"starting_date": today, "ending_date": today}))["metrics"]) == 1
    assert good(await api.get("/metrics", params={"ending_date": "2020-01-01"}))["metrics"] == []


START = datetime(2026, 1, 2, 12, tzinfo=UTC)


async def a_trace(db: Any, n: int, **owners: Any) -> None:
    """Trace `t<n>`, which starts n minutes after START, with a span in a span."""
    begin = START + timedelta(minutes=n)
    times = {"start_time": begin, "end_time": begin + timedelta(seconds=1), "created_at": begin, "duration_ms": 1000}
    given = {"run_id": f"r{n}", "session_id": "s", "user_id": "alice", "agent_id": "a", "team_id": None}
    status = {"status": "OK" if n else "ERROR", "total_spans": 2, "error_count": 0}
    trace = {"trace_id": f"t{n}", "name": f"n{n}", "workflow_id": None, **status, **given, **owners, **times}
    await db.upsert_trace(Trace(**trace))
    for k in range(2):
        span = {"span_id": f"s{n}{k}", "trace_id": f"t{n}", "parent_span_id": f"s{n}0" if k else None, "name": f"n{k}"}
        kind = {"span_kind": "INTERNAL", "status_code": "OK", "status_message": None}
        await db.create_span(Span(**span, **kind, **times, attributes={"input.value": "hello"}))


async def test_traces(api: AsyncClient, db: Any) -> None:
    for n in range(3):
        await a_trace(db, n)
    await a_trace(db, 3, user_id="bob", session_id="t", agent_id="b")
    path = "/traces"
    assert await is_paged(api, path, "trace_id", 4) == ["t3", "t2", "t1", "t0"]
    filters: list[tuple[dict[str, str], list[str]]] = [
        ({"user_id": "bob"}, ["t3"]),
        ({"session_id": "s", "agent_id": "a"}, ["t2", "t1", "t0"]),
        ({"status": "ERROR"}, ["t0"]),
        ({"run_id": "r1"}, ["t1"]),
        ({"team_id": "x"}, []),
        ({"start_time": "2026-01-02T21:02:00+09:00"}, ["t3", "t2"]),
        ({"start_time": "2026-01-02T12:01:00Z", "end_time": "2026-01-02T12:02:30Z"}, ["t2", "t1"]),
    ]
    for query, wanted in filters:
        assert [t["trace_id"] for t in (await listing(api, path, **query))[0]] == wanted, query
    one = good(await api.get("/traces/t1"))
    assert (one["trace_id"], one["total_spans"], one["input"]) == ("t1", 2, "hello")
    [root] = one["tree"]
    assert [span["id"] for span in root["spans"]] == ["s11"]
    assert good(await api.get("/traces/t1", params={"span_id": "s11"}))["id"] == "s11"
    assert (await api.get("/traces/none")).status_code == 404
    assert await is_paged(api, "/trace_session_stats", "session_id", 2) == ["t", "s"]
    [stats], _ = await listing(api, "/trace_session_stats", user_id="alice")
    assert (stats["total_traces"], stats["first_trace_at"][:16]) == (3, "2026-01-02T12:00")
    search = {"filter": {"op": "EQ", "key": "status", "value": "ERROR"}, "group_by": "run", "page": 1, "limit": 10}
    assert [t["trace_id"] for t in good(await api.post("/traces/search", json=search))["data"]] == ["t0"]
    search = {"filter": {"op": "EQ", "key": "user_id", "value": "bob"}, "group_by": "session", "page": 1, "limit": 10}
    assert [t["session_id"] for t in good(await api.post("/traces/search", json=search))["data"]] == ["t"]
