"""Turns read only what changed: what a cached read gives is what an uncached one gives, whoever writes, and nobody
changes a run that is shared."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest
from agents import helper, refund_order
from agno.db.base import SessionType
from agno.run.agent import RunOutput
from agno.run.team import TeamRunOutput
from agno.session import AgentSession, TeamSession
from asking import ask
from httpx import AsyncClient
from places import Place

from agnodb import PostgresDb, SqliteDb

SEEDS = range(4)
STEPS = 40
LONG = 30
"""More runs than are known one by one."""


def shown(session: Any) -> Any:
    return None if session is None else (session.to_dict(), [type(run).__name__ for run in session.runs])


def a_run(number: int, text: str) -> RunOutput:
    return RunOutput(run_id=f"r{number}", session_id="s", agent_id="a", user_id="u", content=text, created_at=number)


async def step(writers: list[Any], chance: random.Random, runs: int) -> None:
    """One write, by one of those who use the database."""
    db = chance.choice(writers)
    number = chance.randrange(runs)
    kind = chance.choice(("save", "save", "save", "delete", "patch", "session", "all"))
    if kind == "save":
        await db.upsert_run(a_run(number, f"text {chance.random()}"), "s", "u", number)
    elif kind == "delete":
        await db.delete_run(f"r{number}")
    elif kind == "patch" and hasattr(db, "update_run_in_session"):
        await db.update_run_in_session("s", f"r{number}", {"content": f"patched {chance.random()}"}, user_id="u")
    elif kind == "session":
        await db.upsert_session(await db.get_session("s", user_id="u"))
    elif kind == "all":
        await db.delete_session("s")
        await db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))


def move(place: Place, chance: random.Random) -> None:
    """A run gets the place of another, or none, as rows of agno's own adapter may have it."""
    number, to = chance.randrange(LONG), chance.choice(("NULL", str(chance.randrange(LONG)), "run_index + 1"))
    where = f"run_id = 'r{number}'" if chance.random() < 0.8 else f"run_id < 'r{number}'"
    place.execute(f"UPDATE agno_runs SET run_index = {to} WHERE {where}")


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_long_conversation_is_read_as_an_uncached_one(place: Place, seed: int) -> None:
    """Runs are added, saved again, deleted and moved, at the end and in the middle: most reads are one statement, and
    each of them tells what is there."""
    chance = random.Random(seed)
    theirs, told = place.agnos(), 0
    async with place.ours() as cached, place.ours(run_cache_mb=0) as plain:
        await cached.create_tables()
        await cached.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        for number in range(LONG):
            await cached.upsert_run(a_run(number, "first"), "s", "u")
        await cached.get_session("s")
        for number in range(LONG, LONG + STEPS):
            kind = chance.choice(("new", "again", "again", "nothing", "any", "any", "move"))
            if kind in ("new", "again"):
                last = number if kind == "new" else number - chance.randrange(1, 4)
                await chance.choice([cached, theirs]).upsert_run(a_run(last, f"text {chance.random()}"), "s", "u")
            elif kind == "any":
                await step([cached, theirs], chance, LONG)
            elif kind == "move":
                move(place, chance)
            before = cached.statements_run
            found = shown(await cached.get_session("s"))
            told += cached.statements_run == before + 1
            assert found == shown(await plain.get_session("s"))
            assert await cached.get_session("s", user_id="somebody else") is None
    await theirs.close()
    assert told > STEPS / 4 if place.kind == "postgresql" else not told


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_cached_read_gives_what_an_uncached_one_gives(place: Place, seed: int) -> None:
    chance = random.Random(seed)
    theirs = place.agnos()
    async with place.ours() as cached, place.ours(run_cache_mb=0) as plain, place.ours() as other:
        await cached.create_tables()
        await cached.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        for _ in range(STEPS):
            await step([cached, other, theirs], chance, 8)
            wanted = shown(await plain.get_session("s"))
            assert shown(await cached.get_session("s")) == wanted
            if chance.random() < 0.3:
                assert shown(await other.get_session("s")) == wanted
        await cached.upsert_run(a_run(9, "the last one"), "s", "u")
        assert len((await cached.get_session("s")).runs) >= 1
        assert cached._run_cache.size > 0
        assert (await cached.health()).run_cache_bytes == cached._run_cache.size
        assert plain._run_cache is None
    await theirs.close()


async def test_a_run_that_takes_the_place_of_a_deleted_one_is_not_taken_for_it(place: Place) -> None:
    """VACUUM FULL moves rows into the places of others, and leaves them the transaction that wrote them."""
    async with place.ours() as db:
        await db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        async with db.transaction() as tx:
            for number in range(LONG):
                await tx.upsert_run(a_run(number, f"text {number}"), "s", "u")
        assert len((await db.get_session("s")).runs) == LONG
        await db.delete_run("r0")
        if place.kind == "postgresql":
            with psycopg.connect(place.url, autocommit=True) as connection:
                connection.execute("VACUUM FULL ai.agno_runs")
        assert [run.content for run in (await db.get_session("s")).runs] == [f"text {n}" for n in range(1, LONG)]


async def test_a_teams_runs_are_not_read_again_and_are_each_readers_own(place: Place) -> None:
    async with place.ours() as db:
        await db.upsert_session(TeamSession(session_id="s", team_id="t", user_id="u", created_at=1))
        for number in range(LONG):
            run = TeamRunOutput(run_id=f"r{number}", session_id="s", team_id="t", content=f"text {number}")
            await db.upsert_run(run, "s", "u")
        first = await db.get_session("s", SessionType.TEAM, user_id="u")
        before = db.statements_run
        second = await db.get_session("s", SessionType.TEAM, user_id="u")
        assert db.statements_run == before + (1 if place.kind == "postgresql" else 2)
        assert [run.content for run in second.runs] == [f"text {number}" for number in range(LONG)]
        assert shown(second) == shown(first)
        second.runs[0].content = "changed"
        assert (await db.get_session("s")).runs[0].content == "text 0"
        assert await db.get_session("s", user_id="somebody else") is None


async def test_what_is_read_in_a_transaction_is_not_kept(place: Place) -> None:
    async with place.ours() as db:
        await db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        with pytest.raises(ZeroDivisionError):
            async with db.transaction() as tx:
                await tx.upsert_run(a_run(0, "never"), "s", "u")
                assert [run.content for run in (await tx.get_session("s")).runs] == ["never"]
                raise ZeroDivisionError
        assert (await db.get_session("s")).runs == []


async def test_plain_dictionaries_are_the_callers_own(place: Place) -> None:
    async with place.ours() as db:
        await db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        await db.upsert_run(a_run(0, "text"), "s", "u")
        await db.get_session("s")
        mine = await db.get_session("s", deserialize=False)
        mine["runs"][0]["content"] = "changed"
        assert (await db.get_session("s", deserialize=False))["runs"][0]["content"] == "text"
        assert (await db.get_session("s")).runs[0].content == "text"


async def nothing_shared_was_changed(db: Any) -> int:
    """The number of runs that are shared, each of which is as its row has it."""
    shared = 0
    for session_id in [*db._run_cache._sessions]:
        fresh = await db.get_session(session_id, deserialize=False)
        wanted = [db.objects.history_run(document) for document in fresh["runs"]]
        kept = (await db.get_session(session_id)).runs
        assert [run.to_dict() for run in kept] == [run.to_dict() for run in wanted if run is not None]
        shared += len(kept)
    return shared


async def test_agnos_own_flows_change_no_shared_run(place: Place) -> None:
    async with place.ours() as db:
        agent = helper(db, tools=[refund_order], num_history_runs=3, enable_session_summaries=True)
        said: dict[str, Any] = {"user_id": "alice", "session_id": "s"}
        for text in ("My name is Alice.", "What is my name?", "hello"):
            await agent.arun(text, **said)
            await nothing_shared_was_changed(db)
        paused = await agent.arun("refund_order with order A-17", **said)
        await nothing_shared_was_changed(db)
        [waiting], _ = await db.get_approvals(run_id=paused.run_id)
        await db.update_approval(waiting["id"], expected_status="pending", status="approved", resolved_by="boss")
        await helper(db, tools=[refund_order]).acontinue_run(run_id=paused.run_id, **said)
        async for _event in agent.arun("hello again", stream=True, stream_events=True, **said):
            pass
        cached = helper(db, cache_session=True, read_chat_history=True)
        for text in ("one", "two"):
            await cached.arun(text, **said)
        assert await nothing_shared_was_changed(db) >= 7


async def test_agentos_changes_no_shared_run(api: AsyncClient, db: Any) -> None:
    run = await ask(api, "hello")
    await ask(api, "What did I say?")
    for path in ("", "/runs", "/run-previews", f"/runs/{run['run_id']}"):
        await api.get(f"/sessions/{run['session_id']}{path}", params={"type": "agent", "user_id": "alice"})
    await api.post(f"/sessions/{run['session_id']}/rename", params={"type": "agent"}, json={"session_name": "named"})
    await db.get_session(run["session_id"])
    assert await nothing_shared_was_changed(db) >= 2


def test_the_sync_side_keeps_runs_too(place: Place) -> None:
    with (PostgresDb if place.kind == "postgresql" else SqliteDb)(db_url=place.url) as db:
        db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        db.upsert_run(a_run(0, "text"), "s", "u")
        first, second = db.get_session("s").runs[0], db.get_session("s").runs[0]
        assert first is second
        db.upsert_run(a_run(0, "other"), "s", "u")
        assert db.get_session("s").runs[0].content == "other"
