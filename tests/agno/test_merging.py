"""agno's concurrent runs of one session keep all their state, all their runs and all their tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from agents import eventually, helper
from merging import RUNS, SAID, TALK, Meeting, alone, counted, crew, flow, state_of, summed
from places import Place

from agnodb.policies import SESSION_METRICS

VISITS = "session_data.session_state.visits"
COUNTERS = (SESSION_METRICS, VISITS)


@pytest_asyncio.fixture
async def replicas(place: Place) -> AsyncIterator[list[Any]]:
    """The databases of two processes, as far as agnodb can tell; `visits` is a counter in both."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(place.ours(counters=COUNTERS)) for _ in range(2)]


async def meet(components: Any, runs: int = RUNS, **settings: Any) -> list[Any]:
    """What so many runs at once answer, dealt out among the components."""
    dealt = [components[n % len(components)] for n in range(runs)]
    return await asyncio.gather(*(c.arun(SAID.format(f"k{n}"), **TALK, **settings) for n, c in enumerate(dealt)))


async def is_whole(place: Place, db: Any, answers: list[Any]) -> Any:
    """The session, which has every run, in an order, and all their tokens."""
    session = await db.get_session(TALK["session_id"])
    rows = place.rows("agno_runs", "true ORDER BY run_index")
    assert [row["run_index"] for row in rows] == list(range(len(rows)))
    assert {row["run_id"] for row in rows if row["parent_run_id"] is None} == {answer.run_id for answer in answers}
    assert {run.run_id for run in session.runs} >= {answer.run_id for answer in answers}
    assert counted(session.session_data["session_metrics"]) == summed(answers)
    return session


MAKERS = {
    "agent": helper,
    "team": crew,
    "team with its members": lambda db, **settings: crew(db, store_member_responses=True, **settings),
    "workflow": flow,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("before", [0, 1], ids=["new", "existing"])
async def test_runs_at_once(place: Place, replicas: list[Any], make: Any, before: int) -> None:
    """One component, and one for each of two databases."""
    for count in (1, 2):
        await replicas[0].delete_session(TALK["session_id"])
        answers = [await alone(make, replicas[0], "first") for _ in range(before)]
        meeting = Meeting()
        answers += await meet([make(db, tools=[meeting.keep]) for db in replicas[:count]])
        session = await is_whole(place, replicas[0], answers)
        kept = {f"k{n}" for n in range(RUNS)} | {"first" for _ in range(before)}
        assert session.session_data["session_state"] == state_of(kept)


# How many runs of a shared session hand over the state they have made: agno's Team and Workflow put only that of the
# last that began into the session.
HANDED_OVER = {"agent": RUNS, "team": 2, "team with its members": 2, "workflow": 2}


@pytest.mark.parametrize("kind", MAKERS)
async def test_runs_of_cached_sessions(place: Place, replicas: list[Any], kind: str) -> None:
    """Each replica has one session object for all its runs, and never reads it again."""
    meeting = Meeting()
    components = [MAKERS[kind](db, tools=[meeting.keep], cache_session=True) for db in replicas]
    answers = [await alone(component, key=f"own{n}") for n, component in enumerate(components)]
    kept = {"own0", "own1", *(f"k{n}" for n in range(RUNS - HANDED_OVER[kind], RUNS))}
    for turn in (1, 2):
        answers += await meet(components)
        session = await is_whole(place, replicas[0], answers)
        visits = 2 + turn * HANDED_OVER[kind]
        assert session.session_data["session_state"] == {**state_of(kept), "visits": visits}


async def test_runs_of_a_cached_session_that_is_new(place: Place, replicas: list[Any]) -> None:
    """The others begin when the first has made the session and has not saved it."""
    meeting = Meeting()
    agent = helper(replicas[0], tools=[meeting.keep], cache_session=True)
    first = asyncio.create_task(agent.arun(SAID.format("k0"), **TALK))
    await eventually(lambda: asyncio.sleep(0, agent.cached_session))
    answers = await asyncio.gather(first, *(agent.arun(SAID.format(f"k{n}"), **TALK) for n in range(1, RUNS)))
    session = await is_whole(place, replicas[1], answers)
    assert set(session.session_data["session_state"]) == {"visits", *(f"k{n}" for n in range(RUNS))}
