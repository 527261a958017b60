"""A read that fails inside a run leaves the session as it was, whoever runs; a save that fails is made up for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agents import helper, refund_order
from agno.run.base import RunStatus
from merging import SAID, TALK, Meeting, alone, counted, crew, flow, summed
from places import Place

from agnodb.errors import StorageError

CHAT = ("agno_sessions", "agno_runs")
ONE = {"session_id": "s"}


@contextlib.contextmanager
def outage(place: Place) -> Iterator[None]:
    """The sessions cannot be reached: as good as any failure, on every database."""
    place.execute("ALTER TABLE agno_sessions RENAME TO hidden")
    yield
    place.execute("ALTER TABLE hidden RENAME TO agno_sessions")


async def says_so(run: Callable[[], Any]) -> None:
    """The run raises, or ends in an error: it is not as if there were no session."""
    try:
        answer = await run()
    except StorageError:
        return
    assert answer.status is RunStatus.error
    assert str(answer.content).startswith("The database ")


async def streamed(component: Any) -> Any:
    events = [event async for event in component.arun(SAID.format("lost"), **TALK, stream=True)]
    assert events[-1].event == "RunError"
    raise StorageError


@pytest.mark.parametrize("make", [helper, crew, flow])
async def test_a_read_that_fails(place: Place, make: Any) -> None:
    async with place.ours() as db:
        answers = [await alone(make, db, "before")]
        before = place.bytes_of(*CHAT)
        with outage(place):
            for settings in ({}, {"cache_session": True}, {"session_state": {"fresh": 1}}):
                component = make(db, tools=[Meeting().keep], **settings)
                await says_so(lambda component=component: component.arun(SAID.format("lost"), **TALK))  # type: ignore[misc]
                await says_so(lambda component=component: streamed(component))  # type: ignore[misc]
            for call in (
                lambda: component.aset_session_name(**ONE, session_name="Lost"),
                lambda: component.aupdate_session_state({"lost": 1}, **ONE),
            ):
                with pytest.raises(StorageError):
                    await call()
        assert place.bytes_of(*CHAT) == before
        answers.append(await alone(make, db, "after"))
        session = await db.get_session("s")
        assert set(session.session_data["session_state"]) == {"before", "after", "visits"}
        assert counted(session.session_data["session_metrics"]) == summed(answers)


async def test_a_run_that_goes_on(place: Place) -> None:
    async with place.ours() as db:
        await alone(helper, db, "before")
        paused = await helper(db, tools=[refund_order]).arun("refund_order with order A", **TALK)
        assert paused.is_paused
        for requirement in paused.requirements or ():
            requirement.confirm()
        before = place.bytes_of(*CHAT)

        def again() -> Any:
            agent = helper(db, tools=[refund_order], session_state={"fresh": 1})
            return agent.acontinue_run(run_id=paused.run_id, requirements=paused.requirements, **TALK)

        with outage(place):
            await says_so(again)
        assert place.bytes_of(*CHAT) == before
        assert set((await db.get_session("s")).session_data["session_state"]) == {"before", "visits"}


@pytest.mark.parametrize("make", [helper, crew, flow])
async def test_a_save_that_fails_is_made_up_for_by_the_next(place: Place, make: Any) -> None:
    """A cached session still has what was not stored; what others have written meanwhile is kept."""
    async with place.ours() as db:
        component = make(db, tools=[Meeting().keep], cache_session=True)
        answers = [await alone(component, key="before")]
        before = place.bytes_of("agno_sessions")
        with outage(place):
            answers.append(await alone(component, key="unsaved"))  # agno only logs it
        assert place.bytes_of("agno_sessions") == before
        answers.append(await alone(make, db, "others"))
        answers.append(await alone(component, key="after"))
        data = (await db.get_session("s")).session_data
        assert set(data["session_state"]) == {"visits", "before", "unsaved", "others", "after"}
        assert counted(data["session_metrics"]) == summed(answers)
