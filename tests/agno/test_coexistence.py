"""agno's own adapters and agnodb on one database: each reads what the other wrote, and either can take over."""

from __future__ import annotations

from typing import Any

import pytest
from agents import helper
from objects import read_all, write_all
from places import Place

ALICE = {"session_id": "chat", "user_id": "alice"}
KINDS = [
    "session a", "session t", "session w", "runs a", "runs t", "runs w", "run ar0", "run tr", "run wr", "memory",
    "knowledge", "eval", "trace", "spans", "approval", "schedule", "schedule run", "learning", "metrics", "sessions",
    "versions",
]  # fmt: skip


def alike(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two readings of the same object differ. agno's may hold columns that only agnodb has."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = [f"{path}.{key} is missing" for key in theirs.keys() - ours.keys() if key not in ADDED]
        return missing + [x for key in ours for x in alike(ours[key], theirs.get(key), f"{path}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [x for n, pair in enumerate(zip(ours, theirs, strict=True)) for x in alike(*pair, f"{path}[{n}]")]
    return [] if ours == theirs else [f"{path}: {ours!r} is not {theirs!r}"]


ADDED = {"row_version", "run_counter"}


async def test_agno_reads_what_agnodb_wrote(place: Place) -> None:
    async with place.ours() as ours:
        await write_all(ours, "x")
        mine = await read_all(ours, "x")
        theirs = await read_all(place.agnos(), "x")
    assert alike(mine, theirs) == []


async def test_agnodb_reads_what_agno_wrote(place: Place) -> None:
    theirs = place.agnos()
    await theirs._create_all_tables()
    await write_all(theirs, "x")
    wanted = await read_all(theirs, "x")
    await theirs.close()
    async with place.ours() as ours:
        assert alike(await read_all(ours, "x"), wanted) == []


async def test_a_database_that_agno_made_is_agnodbs_and_agnos_again(place: Place) -> None:
    theirs = place.agnos()
    await theirs._create_all_tables()
    await write_all(theirs, "1")
    first = await read_all(theirs, "1")
    async with place.ours() as ours:
        await write_all(ours, "2")
        second = await read_all(ours, "2")
        assert without_lists(await read_all(theirs, "1")) == without_lists(first)
    await theirs.close()
    theirs = place.agnos()
    await write_all(theirs, "3")
    third = await read_all(theirs, "3")
    assert alike(without_lists(second), without_lists(await read_all(theirs, "2"))) == []
    await theirs.close()
    async with place.ours() as ours:
        for tag, wanted in (("1", first), ("2", second), ("3", third)):
            assert alike(without_lists(await read_all(ours, tag)), without_lists(wanted)) == []
        assert len(await ours.get_sessions(user_id="alice")) == 9


def without_lists(said: dict[str, Any]) -> dict[str, Any]:
    """Without what depends on the other objects in the database."""
    return {kind: value for kind, value in said.items() if kind not in ("metrics", "sessions")}


async def test_a_conversation_changes_hands(place: Place, agno_log: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    for turn, whose in enumerate((place.ours, place.agnos, place.ours, place.agnos)):
        db = whose()
        agent = helper(db, session_state={"turns": 0}, num_history_runs=20)
        answer = await agent.arun("what did I say?", **ALICE, session_state={f"turn{turn}": turn})
        assert answer.content == (f"You said: {' / '.join(said)}" if said else "You have said nothing before.")
        await agent.arun(f"this is turn {turn}", **ALICE)
        said += ["what did I say?", f"this is turn {turn}"]
        await db.close()
    async with place.ours() as db:
        session = await db.get_session("chat", user_id="alice")
        assert session.session_data["session_state"] == {"turns": 0, **{f"turn{n}": n for n in range(4)}}
        assert len(session.runs) == 8
        tokens = sum(run.metrics.total_tokens for run in session.runs)
        assert session.session_data["session_metrics"]["total_tokens"] == tokens
    indexes = [row["run_index"] for row in place.rows("agno_runs", "true ORDER BY run_index")]
    assert indexes == list(range(8))
    assert [r.getMessage() for r in agno_log.records if r.levelname == "ERROR"] == []


async def test_a_run_of_agnos_and_one_of_agnodbs_in_turn_keep_their_order(place: Place) -> None:
    from agno.run.agent import RunOutput
    from agno.session import AgentSession

    theirs = place.agnos()
    async with place.ours() as ours:
        await ours.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        for n in range(6):
            run = RunOutput(run_id=f"r{n}", session_id="s", agent_id="a", user_id="u", content=str(n), created_at=n)
            # agno asks its adapter to find the place when it gives none.
            await (ours, theirs)[n % 2].upsert_run(run, "s", "u")
        for db in (ours, theirs):
            session = await db.get_session("s", user_id="u")
            assert [r.run_id for r in session.runs] == [f"r{n}" for n in range(6)]
    await theirs.close()


async def test_odd_values_of_agnodb_are_a_small_dict_to_agno(place: Place) -> None:
    from agno.session import AgentSession

    state = {"plain": [1, "a"], "set": {1}, "bytes": b"\x00", "inf": float("inf"), "nul": "a\x00b"}
    theirs = place.agnos()
    async with place.ours() as ours:
        session = AgentSession(session_id="s", agent_id="a", user_id="u", session_data={"session_state": state})
        await ours.upsert_session(session)
        seen = await theirs.get_session("s", user_id="u")
        assert seen.session_data["session_state"]["plain"] == [1, "a"]
        await theirs.upsert_session(seen)
        assert (await ours.get_session("s", user_id="u")).session_data["session_state"] == state
    await theirs.close()
