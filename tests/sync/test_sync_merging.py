"""Threads that run agno's agents on one session at once keep all their state, all their runs and all their tokens."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from agents import helper, refund_order
from agno.run.base import RunContext, RunStatus
from merging import RUNS, SAID, TALK, counted, crew, state_of, summed
from sync_places import SyncPlace, in_threads

from agnodb.errors import StorageError
from agnodb.policies import SESSION_METRICS

COUNTERS = (SESSION_METRICS, "session_data.session_state.visits")


class Meeting:
    """`merging.Meeting` for threads."""

    def __init__(self, runs: int = RUNS) -> None:
        self._barrier = threading.Barrier(runs)

    def keep(self, run_context: RunContext, key: str) -> str:
        """Keep a key in the state."""
        state: Any = run_context.session_state
        state[key] = f"value of {key}"
        state["visits"] = state.get("visits", 0) + 1
        self._barrier.wait(20)
        return f"kept {key}"


@pytest.mark.parametrize("make", [helper, crew])
@pytest.mark.parametrize("before", [[], ["first"]], ids=["new", "existing"])
def test_runs_in_threads(place: SyncPlace, make: Any, before: list[str]) -> None:
    with place.ours(counters=COUNTERS) as one, place.ours(counters=COUNTERS) as other:
        answers = [make(one, tools=[Meeting(1).keep]).run(SAID.format(key), **TALK) for key in before]
        meeting = Meeting()
        components = [make((one, other)[n % 2], tools=[meeting.keep]) for n in range(RUNS)]
        answers += in_threads([lambda n=n: components[n].run(SAID.format(f"k{n}"), **TALK) for n in range(RUNS)])
        session = one.get_session("s")
        assert session.session_data["session_state"] == state_of({*before, *(f"k{n}" for n in range(RUNS))})
        assert counted(session.session_data["session_metrics"]) == summed(answers)
    rows = place.rows("agno_runs", "true ORDER BY run_index")
    assert [row["run_index"] for row in rows] == list(range(len(rows)))
    assert {row["run_id"] for row in rows if row["parent_run_id"] is None} == {answer.run_id for answer in answers}


def test_a_serial_story(db: Any) -> None:
    """A cached session, a pause, a rename, and others in between: none counts a token twice or deletes a key."""
    agent = helper(db, tools=[Meeting(1).keep, refund_order], cache_session=True)
    answers = [agent.run(SAID.format("one"), **TALK)]
    paused = agent.run("refund_order with order A", **TALK)
    answers.append(helper(db, tools=[Meeting(1).keep]).run(SAID.format("others"), **TALK))
    agent.set_session_name(session_id="s", session_name="Name")
    for requirement in paused.requirements or ():
        requirement.confirm()
    [approval], _ = db.get_approvals(status="pending")
    db.update_approval(approval["id"], expected_status="pending", status="approved", resolved_by="boss")
    done = agent.continue_run(run_id=paused.run_id, requirements=paused.requirements, **TALK)
    assert done.status is RunStatus.completed
    answers.append(agent.run(SAID.format("two"), **TALK))
    session = db.get_session("s")
    assert {"one", "two", "others"} <= set(session.session_data["session_state"])
    assert session.session_data["session_name"] == "Name"
    # agno counts what was there when a run paused once more when it goes on.
    assert counted(session.session_data["session_metrics"]) == summed([*answers, paused, done])


@pytest.mark.parametrize("make", [helper, crew])
def test_a_read_that_fails(place: SyncPlace, make: Any) -> None:
    with place.ours() as db:
        make(db, tools=[Meeting(1).keep]).run(SAID.format("before"), **TALK)
        before = place.bytes_of("agno_sessions", "agno_runs")
        place.execute("ALTER TABLE agno_sessions RENAME TO hidden")
        for settings in ({}, {"cache_session": True}, {"session_state": {"fresh": 1}}):
            with pytest.raises(StorageError):
                make(db, **settings).run("hello", **TALK)
        place.execute("ALTER TABLE hidden RENAME TO agno_sessions")
        assert place.bytes_of("agno_sessions", "agno_runs") == before
