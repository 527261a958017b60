"""Others write to a session while agno works on it: what each has done is kept."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from agents import helper
from agno.run.agent import RunOutput
from agno.run.base import RunContext, RunStatus
from agno.session import AgentSession
from agno.session.summary import SessionSummary
from asking import good
from httpx import AsyncClient
from merging import SAID, TALK, Meeting, alone, counted, crew, flow, summed
from places import Place

from agnodb.errors import StaleVersionError
from agnodb.policies import SESSION_METRICS

ONE = {"session_id": "s"}
MAKERS = {"agent": helper, "team": crew, "workflow": flow}


def meanwhile(act: Callable[[], Awaitable[Any]]) -> Any:
    """A tool that sets a key, and has something done before its run goes on."""

    async def keep(run_context: RunContext, key: str) -> str:
        """Keep a key in the state."""
        run_context.session_state[key] = f"value of {key}"  # type: ignore[index]
        await act()
        return f"kept {key}"

    return keep


@pytest.mark.parametrize("kind", MAKERS)
async def test_agnos_own_adapter_writes_during_a_run(place: Place, kind: str) -> None:
    """What it wrote and the run did not touch is kept, and both writers' tokens."""
    make, theirs, answers = MAKERS[kind], place.agnos(), []

    async def another_run() -> None:
        answers.append(await alone(make, theirs, "theirs"))
        await make(theirs).aset_session_name(**ONE, session_name="Theirs")

    async with place.ours() as db:
        answers.append(await alone(make, db, "before"))
        answers.append(await make(db, tools=[meanwhile(another_run)]).arun(SAID.format("ours"), **TALK))
        session = await db.get_session("s")
        assert {"before", "theirs", "ours"} <= set(session.session_data["session_state"])
        assert session.session_data["session_name"] == "Theirs"
        assert counted(session.session_data["session_metrics"]) == summed(answers)
        # And agno goes on from there.
        answers.append(await alone(make, theirs, "after"))
        session = await db.get_session("s")
        assert {"before", "theirs", "ours", "after"} <= set(session.session_data["session_state"])
        assert counted(session.session_data["session_metrics"]) == summed(answers)
    await theirs.close()


async def test_a_session_that_agnos_own_adapter_made_during_the_first_run(place: Place) -> None:
    theirs, answers = place.agnos(), []

    async def another_run() -> None:
        answers.append(await alone(helper, theirs, "theirs"))

    async with place.ours() as db:
        answers.append(await helper(db, tools=[meanwhile(another_run)]).arun(SAID.format("ours"), **TALK))
        data = (await db.get_session("s")).session_data
        assert {"theirs", "ours"} <= set(data["session_state"])
        assert counted(data["session_metrics"]) == summed(answers)
    await theirs.close()


@pytest.mark.parametrize("cached", [False, True])
async def test_agentos_renames_and_patches_during_a_run(db: Any, api: AsyncClient, cached: bool) -> None:
    async def change() -> None:
        good(await api.post("/sessions/s/rename", json={"session_name": "Renamed"}))
        good(await api.patch("/sessions/s", json={"session_state": {"before": 1, "patched": 2}, "metadata": {"m": 3}}))

    agent = helper(db, tools=[meanwhile(change)], cache_session=cached)
    answers = [await helper(db, tools=[Meeting().keep]).arun(SAID.format("old"), **TALK)]
    answers.append(await agent.arun(SAID.format("ours"), **TALK, metadata={"run": 1}))
    session = await db.get_session("s")
    # The patch has replaced the state as it was then, and so deleted what it leaves out.
    assert session.session_data["session_state"] == {"before": 1, "patched": 2, "ours": "value of ours"}
    assert (session.session_data["session_name"], session.metadata["m"]) == ("Renamed", 3)
    assert counted(session.session_data["session_metrics"]) == summed(answers)
    assert good(await api.get("/sessions/s"))["session_name"] == "Renamed"


async def test_the_sessions_own_methods_during_a_run(db: Any) -> None:
    async def change() -> None:
        other = helper(db)
        await other.aset_session_name(**ONE, session_name="Renamed")
        await other.aupdate_session_state({"updated": 1}, **ONE)
        session = await other.aget_session(**ONE)
        session.metadata, session.summary = {"m": 1}, SessionSummary(summary="Tea", topics=["tea"])
        await other.asave_session(session)

    agent = helper(db, tools=[meanwhile(change)], metadata={"tier": "gold"})
    answers = [await alone(helper, db, "before"), await agent.arun(SAID.format("ours"), **TALK)]
    session = await db.get_session("s")
    assert {"updated", "before", "ours"} <= set(session.session_data["session_state"])
    assert (session.session_data["session_name"], session.summary.summary) == ("Renamed", "Tea")
    assert session.metadata["m"] == 1
    assert counted(session.session_data["session_metrics"]) == summed(answers)


async def test_summaries_and_metadata_of_runs_at_once(db: Any) -> None:
    """A summary is kept whole, the newest; each agent's metadata is."""
    await alone(helper, db, "before")
    newest = SessionSummary.from_dict({"summary": "Newest", "topics": [], "updated_at": "2999-01-01T00:00:00"})

    async def newer() -> None:
        session = await db.get_session("s")
        session.summary, session.metadata = newest, {"theirs": 1}
        await db.upsert_session(session)

    agent = helper(db, tools=[meanwhile(newer)], enable_session_summaries=True)
    await agent.arun(SAID.format("ours"), **TALK)
    session = await db.get_session("s")
    assert (session.summary.summary, session.metadata) == ("Newest", {"theirs": 1})
    older = await db.get_session("s")
    older.summary = SessionSummary.from_dict({"summary": "Older", "topics": [], "updated_at": "2000-01-01T00:00:00"})
    session.session_data["x"] = 1
    await db.upsert_session(session)
    await db.upsert_session(older)  # nobody has written another since it was read: it is meant
    assert (await db.get_session("s")).summary.summary == "Older"


async def test_a_session_that_is_deleted_during_a_run(db: Any) -> None:
    """The run ends in a session of its own: nothing of the deleted one but what the run had loaded."""
    await alone(helper, db, "before")
    agent = helper(db, tools=[meanwhile(lambda: db.delete_session("s"))])
    answer = await agent.arun(SAID.format("ours"), **TALK)
    session = await db.get_session("s")
    assert set(session.session_data["session_state"]) == {"before", "visits", "ours"}
    assert [run.run_id for run in session.runs] == [answer.run_id]


async def test_a_fork_goes_its_own_way(db: Any) -> None:
    for settings in ({}, {"cache_session": True}):
        await db.delete_sessions(["s", "copy"])
        agent = helper(db, tools=[Meeting().keep], **settings)
        answers = [await agent.arun(SAID.format("before"), **TALK)]
        forked = await agent.afork_session(source_session_id="s", user_id="alice")
        copied = copy.deepcopy(await db.get_session("s"))
        copied.session_id = "copy"
        await db.upsert_session(copied)
        for session_id in ("s", forked, "copy"):
            answer = await agent.arun(SAID.format(f"in{session_id}"), session_id=session_id, user_id="alice")
            session = await db.get_session(session_id)
            assert set(session.session_data["session_state"]) == {"before", "visits", f"in{session_id}"}
            assert counted(session.session_data["session_metrics"]) == summed([answers[0], answer])


# -- policies -----------------------------------------------------------------------------------------------------


async def test_a_conflict_that_raises(place: Place, agno_log: pytest.LogCaptureFixture) -> None:
    """agno logs it and goes on: the run is stored, and the state is that of the other writer."""
    async with place.ours(on_conflict="raise") as db:
        await alone(helper, db, "before")
        one, other = [await db.get_session("s") for _ in range(2)]
        one.session_data["session_state"]["before"] = "one"
        other.session_data["session_state"] |= {"before": "other", "more": 1}
        await db.upsert_session(one)
        with pytest.raises(StaleVersionError) as stale:
            await db.upsert_session(other)
        assert stale.value.facts["path"] == "session_data.session_state.before"
        assert (await db.get_session("s")).session_data["session_state"] == {"before": "one", "visits": 1}

        async def change() -> None:
            await helper(db).aupdate_session_state({"before": "changed"}, **ONE)

        agent = helper(db, tools=[meanwhile(change)])
        answer = await agent.arun("keep with key before", **TALK)
        assert answer.status is RunStatus.completed
        assert "The record was changed in the meantime" in agno_log.text
        session = await db.get_session("s")
        assert session.session_data["session_state"] == {"before": "changed", "visits": 1}
        assert answer.run_id in {run.run_id for run in session.runs}
        # Different keys are no conflict.
        agent.tools = [meanwhile(lambda: helper(db).aupdate_session_state({"z": 1}, **ONE))]
        await agent.arun("keep with key y", **TALK)
        assert set((await db.get_session("s")).session_data["session_state"]) == {"before", "visits", "y", "z"}


async def test_a_counter_of_ones_own(place: Place) -> None:
    counters = (SESSION_METRICS, "session_data.session_state.visits", "session_data.session_state.per")
    pages = ["a", "b", "a", "c"]

    async with place.ours(counters=counters) as db:

        async def visit(run_context: RunContext, page: str) -> str:
            """Count a visit, during which the next one comes."""
            state = run_context.session_state or {}
            state["visits"] += 1
            state["per"][page] = state["per"].get(page, 0) + 1
            if coming:
                await visitor().arun(f"visit with page {coming.pop()}", **TALK)
            return page

        def visitor() -> Any:
            return helper(db, tools=[visit], session_state={"visits": 0, "per": {}})

        for turn in (1, 2):
            coming = list(pages)
            await visitor().arun("visit with page d", **TALK)
            state = (await db.get_session("s")).session_data["session_state"]
            assert state == {"visits": 5 * turn, "per": {"a": 2 * turn, "b": turn, "c": turn, "d": turn}}


# -- what it costs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("cached", [False, True])
async def test_a_turn_saves_its_session_with_one_statement(
    db: Any, kind: str, cached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs: list[int] = []
    upsert = type(db).upsert_session

    async def counting(self: Any, *args: Any, **named: Any) -> Any:
        before = self.statements_run
        stored = await upsert(self, *args, **named)
        costs.append(self.statements_run - before)
        return stored

    component = MAKERS[kind](db, tools=[Meeting().keep], cache_session=cached)
    await alone(component, key="first")
    monkeypatch.setattr(type(db), "upsert_session", counting)
    for key in ("second", "third"):
        await alone(component, key=key)
    await component.aset_session_name(**ONE, session_name="Name")
    assert costs == [1] * 3
    monkeypatch.undo()
    other = await db.get_session("s")
    other.session_data["session_state"]["others"] = 1
    await db.upsert_session(other)
    monkeypatch.setattr(type(db), "upsert_session", counting)
    for key in ("fourth", "fifth"):
        await alone(component, key=key)
    # Only a session that is kept in memory can have missed something: the condition fails, which tells what is stored,
    # or that is locked.
    contended = 2 if db.settings.dialect.answers_stored else 3
    assert costs[3:] == ([contended, 1] if cached else [1, 1])
    assert (await db.get_session("s")).session_data["session_state"]["others"] == 1


async def test_objects_made_by_hand(db: Any) -> None:
    """A session that was never read is added to what is there: nothing is deleted."""
    await alone(helper, db, "before")
    made = AgentSession(session_id="s", agent_id="helper", user_id="alice", session_data={"session_state": {"made": 1}})
    await db.upsert_session(made)
    read = await db.get_session("s")
    again = AgentSession.from_dict(read.to_dict())
    assert again is not None
    again.session_data["session_state"]["again"] = 1  # type: ignore[index]
    await db.upsert_session(again)
    session = await db.get_session("s")
    assert set(session.session_data["session_state"]) == {"before", "visits", "made", "again"}
    assert session.session_data["session_metrics"] == read.session_data["session_metrics"]
    await db.upsert_run(RunOutput(run_id="r", agent_id="helper", content="x"), "s", "alice")
    assert (await db.get_session("s")).session_data == session.session_data
