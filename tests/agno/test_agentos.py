"""AgentOS over HTTP on agnodb: conversations, sessions and memories, wrong input."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from asking import ask, good, is_paged, listing
from httpx import AsyncClient
from places import Place


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
    renamed = await api.post("/sessions/b/rename", params={"user_id": "bob"}, json={"session_name": "x"})
    assert renamed.status_code == 404
    await api.delete("/sessions/b", params={"user_id": "bob"})
    good(await api.get("/sessions/b"))
    good(await api.delete("/sessions/b", params={"user_id": "alice"}))
    assert (await api.get("/sessions/b")).status_code == 404
    many = {"session_ids": ["a", "d"], "session_types": ["agent", "agent"]}
    good(await api.request("DELETE", path, params={"user_id": "alice"}, json=many))
    assert sorted(s["session_id"] for s in (await listing(api, path))[0]) == ["c", "d"]


async def test_a_session_is_made_without_a_run(api: AsyncClient) -> None:
    body = {"session_id": "new", "user_id": "alice", "agent_id": "helper", "session_state": {"a": 1}}
    good(await api.post("/sessions", params={"type": "agent"}, json=body))
    assert good(await api.get("/sessions/new"))["session_state"] == {"a": 1}
    await ask(api, "hello", "new")
    assert good(await api.get("/sessions/new"))["session_state"] == {"a": 1}
    assert (await api.post("/sessions", params={"type": "agent"}, json=body)).status_code in (200, 201, 409)
    assert len(good(await api.get("/sessions/new/runs"))) == 1


async def test_memories(api: AsyncClient) -> None:
    made = []
    given = (("alice", "likes tea", ["drink"]), ("alice", "50% off", ["shop", "drink"]), ("bob", "x", []))
    for user, memory, topics in given:
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
    many = {"memory_ids": [m["memory_id"] for m in made], "user_id": "bob"}
    good(await api.request("DELETE", "/memories", json=many))
    assert [m["user_id"] for m in (await listing(api, "/memories"))[0]] == ["alice"]


async def test_the_migrate_route_changes_nothing(api: AsyncClient, db: Any, place: Place) -> None:
    await ask(api, "my name is alice")
    before = place.shape(), place.bytes_of("agno_schema_versions", "agnodb_version", "agno_sessions", "agno_runs")
    for path in (f"/databases/{db.id}/migrate", "/databases/all/migrate"):
        good(await api.post(path))
        good(await api.post(path, params={"target_version": "3.0.0"}))
    after = place.shape(), place.bytes_of("agno_schema_versions", "agnodb_version", "agno_sessions", "agno_runs")
    assert after == before


WRONG = [
    ("/sessions", {"sort_by": "no_such_field"}),
    ("/sessions", {"page": 0}),
    ("/memories", {"sort_by": "memory; DROP TABLE x"}),
    ("/memories", {"page": 0}),
    ("/eval-runs", {"sort_by": "no_such_field"}),
    ("/eval-runs", {"page": 0}),
    ("/knowledge/content", {"sort_by": "no_such_field"}),
    ("/knowledge/content", {"page": 0}),
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


async def test_a_route_that_turns_every_error_into_500_still_says_what_was_wrong(api: AsyncClient) -> None:
    """agno wraps whatever a database raises there, its own adapters' errors too."""
    page = "The page must be a whole number from 1 on."
    for path, query, said in (
        ("/traces", {"page": 0}, page),
        ("/user_memory_stats", {"page": 0}, page),
        ("/learnings", {"sort_by": "no_such_field"}, "Cannot sort by that field."),
    ):
        answer = await api.get(path, params=query)
        assert said in answer.json()["detail"], path


async def test_odd_ids_are_only_ids(api: AsyncClient) -> None:
    for odd in ("a/../b", "\x00", "' OR 1=1 --", "é🤖", "%", "x" * 3000):
        answer = await api.get(f"/sessions/{quote(odd, safe='')}")
        wanted = 400 if len(odd) > 2000 else 404
        assert answer.status_code == wanted, f"{odd[:20]} {answer.status_code} {answer.text[:200]}"
    for odd in ("x" * 255, "' OR 1=1 --", "é🤖 %_"):
        await ask(api, "my name is alice", odd)
        assert (await ask(api, "what is my name?", odd))["content"] == "Your name is alice."
