"""AgentOS over HTTP on agnodb: runs, and every list of what they leave behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from agents import helper, refund_order
from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.knowledge import KnowledgeRow
from agno.knowledge import Knowledge
from agno.os import AgentOS
from httpx import ASGITransport, AsyncClient, Response


@pytest_asyncio.fixture
async def api(db: Any) -> AsyncIterator[AsyncClient]:
    """A client of an AgentOS on `db`."""
    knowledge = Knowledge(name="books", contents_db=db)
    system = AgentOS(agents=[helper(db, tools=[refund_order])], knowledge=[knowledge], db=db, telemetry=False)
    app = system.get_app()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://os") as client:
        yield client


async def ask(api: AsyncClient, message: str, session_id: str = "s", user_id: str = "alice") -> dict[str, Any]:
    form = {"message": message, "stream": "false", "session_id": session_id, "user_id": user_id}
    return good(await api.post("/agents/helper/runs", data=form))


def good(response: Response) -> Any:
    assert response.is_success, f"{response.status_code} {response.text}"
    return response.json() if response.content else None


async def listing(api: AsyncClient, path: str, **query: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A page and its meta."""
    body = good(await api.get(path, params=query))
    return body["data"], body["meta"]


async def is_paged(api: AsyncClient, path: str, key: str, total: int, **query: Any) -> list[Any]:
    """Check that pages of two hold everything once, in order; the keys."""
    everything, _ = await listing(api, path, limit=100, **query)
    seen: list[Any] = []
    for page in range(1, (total + 1) // 2 + 1):
        data, meta = await listing(api, path, limit=2, page=page, **query)
        assert (meta["page"], meta["limit"], meta["total_count"]) == (page, 2, total)
        assert meta["total_pages"] == (total + 1) // 2
        seen += [row[key] for row in data]
    assert seen == [row[key] for row in everything]
    assert len(set(seen)) == total
    beyond, meta = await listing(api, path, limit=2, page=99, **query)
    assert (beyond, meta["total_count"]) == ([], total)
    return seen


async def test_a_conversation(api: AsyncClient) -> None:
    first = await ask(api, "my name is alice")
    assert first["status"] == "COMPLETED"
    assert (await ask(api, "what is my name?"))["content"] == "Your name is alice."
    form = {"message": "what did I say?", "stream": "true", "session_id": "s", "user_id": "alice"}
    streamed = await api.post("/agents/helper/runs", data=form)
    assert streamed.status_code == 200
    assert '"event":"RunCompleted"' in streamed.text.replace(" ", "")
    runs = good(await api.get("/sessions/s/runs"))
    assert [run["run_input"] for run in runs] == ["my name is alice", "what is my name?", "what did I say?"]
    assert good(await api.get(f"/sessions/s/runs/{first['run_id']}"))["content"] == first["content"]
    assert len(good(await api.get("/sessions/s/run-previews"))) == 3
    assert [r["run_id"] for r in good(await api.get("/sessions/s/runs", params={"status": "ERROR"}))] == []


async def test_sessions(api: AsyncClient) -> None:
    for session_id in ("a", "b", "c"):
        await ask(api, f"hello {session_id}", session_id)
    await ask(api, "hello", "d", "bob")
    path = "/sessions"
    ids = await is_paged(api, path, "session_id", 4, type="agent", sort_by="created_at", sort_order="asc")
    assert sorted(ids) == ["a", "b", "c", "d"]
    assert await is_paged(api, path, "session_id", 4, sort_by="session_id", sort_order="desc") == ["d", "c", "b", "a"]
    assert await is_paged(api, path, "session_id", 1, user_id="bob") == ["d"]
    assert (await listing(api, path, component_id="nobody"))[0] == []
    assert (await listing(api, path, type="team"))[0] == []
    good(await api.post("/sessions/b/rename", json={"session_name": "100% tea"}))
    assert [s["session_id"] for s in (await listing(api, path, session_name="00% T"))[0]] == ["b"]
    assert (await listing(api, path, session_name="00_ T"))[0] == []
    detail = good(await api.get("/sessions/b"))
    assert (detail["session_name"], detail["user_id"], detail["agent_id"]) == ("100% tea", "alice", "helper")
    assert detail["total_tokens"] > 0
    changed = good(await api.patch("/sessions/b", json={"session_state": {"n": [1]}, "metadata": {"m": None}}))
    assert (changed["session_state"], changed["metadata"]) == ({"n": [1]}, {"m": None})
    assert good(await api.get("/sessions/b"))["session_name"] == "100% tea"
    assert (await api.get("/sessions/b", params={"user_id": "bob"})).status_code == 404
    assert (await api.post("/sessions/b/rename", params={"user_id": "bob"}, json={"session_name": "x"})).status_code == 404
    await api.delete("/sessions/b", params={"user_id": "bob"})
    good(await api.get("/sessions/b"))
    good(await api.delete("/sessions/b", params={"user_id": "alice"}))
    assert (await api.get("/sessions/b")).status_code == 404
    many = {"session_ids": ["a", "d"], "session_types": ["agent", "agent"]}
    good(await api.request("DELETE", path, params={"user_id": "alice"}, json=many))
    assert sorted(s["session_id"] for s in (await listing(api, path))[0]) == ["c", "d"]


async def test_a_session_is_made_without_a_run(api: AsyncClient) -> None:
    body = {"session_id": "new", "user_id": "alice", "session_name": "N", "agent_id": "helper", "session_state": {"a": 1}}
    good(await api.post("/sessions", params={"type": "agent"}, json=body))
    assert good(await api.get("/sessions/new"))["session_state"] == {"a": 1}
    await ask(api, "hello", "new")
    assert good(await api.get("/sessions/new"))["session_state"] == {"a": 1}
    assert (await api.post("/sessions", params={"type": "agent"}, json=body)).status_code in (200, 201, 409)
    assert len(good(await api.get("/sessions/new/runs"))) == 1


async def test_memories(api: AsyncClient) -> None:
    made = []
    for user, memory, topics in (("alice", "likes tea", ["drink"]), ("alice", "50% off", ["shop", "drink"]), ("bob", "x", [])):
        made.append(good(await api.post("/memories", json={"memory": memory, "topics": topics, "user_id": user})))
    assert len(await is_paged(api, "/memories", "memory_id", 3, sort_by="updated_at")) == 3
    alices = await is_paged(api, "/memories", "memory_id", 2, user_id="alice", sort_by="memory_id", sort_order="asc")
    assert alices == sorted(m["memory_id"] for m in made[:2])
    assert [m["memory"] for m in (await listing(api, "/memories", topics="shop"))[0]] == ["50% off"]
    assert [m["memory"] for m in (await listing(api, "/memories", search_content="0% O"))[0]] == ["50% off"]
    assert (await listing(api, "/memories", search_content="0_ o"))[0] == []
    assert sorted(good(await api.get("/memory_topics"))) == ["drink", "shop"]
    assert good(await api.get("/memory_topics", params={"user_id": "bob"})) == []
    stats, meta = await listing(api, "/user_memory_stats", limit=1, page=1)
    assert (len(stats), meta["total_count"]) == (1, 2)
    stats, _ = await listing(api, "/user_memory_stats", user_id="alice")
    assert [(s["user_id"], s["total_memories"]) for s in stats] == [("alice", 2)]
    one = f"/memories/{made[0]['memory_id']}"
    good(await api.patch(one, json={"memory": "loves tea", "topics": ["drink"], "user_id": "alice"}))
    assert good(await api.get(one, params={"user_id": "alice"}))["memory"] == "loves tea"
    assert (await api.get(one, params={"user_id": "bob"})).status_code == 404
    stolen = await api.patch(one, json={"memory": "pwned", "topics": [], "user_id": "bob"})
    assert 400 <= stolen.status_code < 500
    await api.delete(one, params={"user_id": "bob"})
    assert good(await api.get(one))["memory"] == "loves tea"
    good(await api.delete(one, params={"user_id": "alice"}))
    assert (await api.get(one)).status_code == 404
    good(await api.request("DELETE", "/memories", json={"memory_ids": [m["memory_id"] for m in made], "user_id": "bob"}))
    assert [m["user_id"] for m in (await listing(api, "/memories"))[0]] == ["alice"]


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
    assert (resolved["status"], resolved["resolved_by"], resolved["resolution_data"]) == ("approved", "boss", {"why": "é"})
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
    from agno.knowledge.knowledge import Knowledge as Base

    linked = Base(name="books", contents_db=db).name
    for n in range(3):
        row = KnowledgeRow(id=f"k{n}", name=f"n{2 - n}", description="d", linked_to=linked, metadata={"n": n})
        await db.upsert_knowledge_content(row)
    await db.upsert_knowledge_content(KnowledgeRow(id="other", name="o", description="d", linked_to="else"))
    path = "/knowledge/content"
    assert len(await is_paged(api, path, "id", 3)) == 3
    assert await is_paged(api, path, "id", 3, sort_by="name", sort_order="asc") == ["k2", "k1", "k0"]
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


WRONG = [
    ("/sessions", {"sort_by": "no_such_field"}),
    ("/sessions", {"page": 0}),
    ("/memories", {"sort_by": "memory; DROP TABLE x"}),
    ("/memories", {"page": 0}),
    ("/user_memory_stats", {"page": 0}),
    ("/eval-runs", {"sort_by": "no_such_field"}),
    ("/eval-runs", {"page": 0}),
    ("/knowledge/content", {"sort_by": "no_such_field"}),
    ("/knowledge/content", {"page": 0}),
    ("/traces", {"page": 0}),
    ("/traces", {"limit": -1}),
    ("/trace_session_stats", {"page": 0}),
    ("/approvals", {"page": 0}),
    ("/schedules", {"page": 0}),
    ("/learnings", {"page": 0}),
]


async def test_wrong_input_is_the_callers_fault(api: AsyncClient) -> None:
    answers = {f"{path} {query}": await api.get(path, params=query) for path, query in WRONG}
    wrong = {what: f"{a.status_code} {a.text}" for what, a in answers.items() if not 400 <= a.status_code < 500}
    assert wrong == {}


async def test_odd_ids_are_only_ids(api: AsyncClient) -> None:
    for odd in ("a/../b", "x" * 3000, "%00", "' OR 1=1 --", "é🤖"):
        answer = await api.get("/sessions/" + odd.replace("/", "%2F").replace("'", "%27"))
        assert answer.status_code == 404, f"{odd[:20]} {answer.status_code} {answer.text[:200]}"
    for odd in ("x" * 255, "' OR 1=1 --", "é🤖 %_"):
        await ask(api, "my name is alice", odd)
        assert (await ask(api, "what is my name?", odd))["content"] == "Your name is alice."
