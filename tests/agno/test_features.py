"""What agno's own components do leaves the same on agnodb as on agno's adapter: each is run on both and compared."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from agents import helper
from agno.agent import Agent
from agno.eval.performance import PerformanceEval
from agno.eval.reliability import ReliabilityEval
from agno.learn import LearningMachine
from agno.run.base import RunStatus
from agno.team import Team
from agno.workflow import Condition, Loop, Parallel, Router, Step, Workflow
from differential import plain
from places import Place

from agnodb.demo.model import OfflineModel

USER: dict[str, Any] = {"user_id": "alice"}


def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


def member(name: str) -> Agent:
    return Agent(id=name, name=name, role="helps", model=OfflineModel(), telemetry=False)


def team(db: Any, *members: Any, **settings: Any) -> Team:
    return Team(id="team", members=list(members), model=OfflineModel(), db=db, telemetry=False, **settings)


async def nested_teams(db: Any) -> None:
    inner = Team(id="inner", name="inner", members=[member("deep")], model=OfflineModel(), telemetry=False)
    for stored in (True, False):
        asked = team(db, inner, member("flat"), store_member_responses=stored)
        text = "delegate_task_to_member with member_id inner task tell, and hello"
        await asked.arun(text, session_id=f"stored {stored}", **USER)


async def a_team_and_an_agent_share_a_session(db: Any) -> None:
    await team(db, member("flat")).arun("hello", session_id="shared", **USER)
    await team(db, member("flat")).arun(
        "delegate_task_to_member with member_id flat task tell", session_id="shared", **USER
    )


async def workflows(db: Any) -> None:
    def step(name: str) -> Step:
        return Step(name=name, agent=member(name))

    shapes: dict[str, list[Any]] = {
        "loop": [Loop(name="again", steps=[step("a")], max_iterations=2)],
        "condition": [Condition(name="if", evaluator=lambda _given: True, steps=[step("a")])],
        "parallel": [Parallel(step("a"), step("b"), name="both")],
        "router": [Router(name="one of", choices=[step("a"), step("b")], selector=lambda _given: [step("b")])],
    }
    for name, steps in shapes.items():
        flow = Workflow(id=name, name=name, steps=steps, db=db, telemetry=False, session_state={"kept": name})
        for text in ("hello", "hello again"):
            await flow.arun(text, session_id=f"flow {name}", **USER)


async def a_run_in_the_background(db: Any) -> None:
    agent = helper(db)
    run = await agent.arun("hello", background=True, session_id="later", **USER)
    for _ in range(200):
        found = await agent.aget_run_output(run_id=run.run_id, session_id="later")
        if found is not None and found.status == RunStatus.completed:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not end")


async def summaries_and_histories(db: Any) -> None:
    agent = helper(db, enable_session_summaries=True, num_history_runs=1, search_past_sessions=True)
    for session in ("first", "second"):
        for text in ("My name is Alice.", "What is my name?", "what did I say?"):
            await agent.arun(text, session_id=session, **USER)


async def memories(db: Any) -> None:
    for settings in ({"update_memory_on_run": True}, {"enable_agentic_memory": True}):
        agent = helper(db, id=next(iter(settings)), **settings)
        await agent.arun("My name is Alice, and I like tea.", session_id=agent.id, **USER)


async def learning(db: Any) -> None:
    machine = LearningMachine(db=db, model=OfflineModel(), user_profile=True, session_context=True, entity_memory=True)
    agent = helper(db, learning=machine)
    for text in ("My name is Alice.", "hello"):
        await agent.arun(text, session_id="learning", **USER)


async def nothing() -> None: ...


async def evaluations(db: Any) -> None:
    run = await helper(db, tools=[add]).arun("add with a 1 b 2", session_id="tools", **USER)
    quiet: dict[str, Any] = {"print_results": False, "show_spinner": False, "telemetry": False}
    await ReliabilityEval(name="calls", agent_response=run, expected_tool_calls=["add"], db=db, **quiet).arun()
    await PerformanceEval(
        name="speed", func=nothing, num_iterations=1, warmup_runs=0, measure_memory=False, db=db, **quiet
    ).arun()


SCENARIOS = (
    nested_teams, a_team_and_an_agent_share_a_session, workflows, a_run_in_the_background, summaries_and_histories,
    memories, learning, evaluations,
)  # fmt: skip

_MEASURED = ("duration", "time_to_first_token", "timer", "eval_data", "cost")


def steady(value: Any) -> Any:
    """A value without what differs from run to run: times, durations, random ids."""
    if isinstance(value, dict):
        return {key: steady(item) for key, item in value.items() if not key.startswith(_MEASURED)}
    if isinstance(value, (list, tuple)):
        return [steady(item) for item in value]
    if isinstance(value, str) and value.startswith("call_"):
        return "a call"
    if isinstance(value, str) and "<memories_from" in value:  # those of one second have no order
        return sorted(value.splitlines())
    return plain(value)


async def left(db: Any) -> dict[str, Any]:
    """What is stored."""
    sessions, total = await db.get_sessions(deserialize=False, sort_by="session_id", sort_order="asc")
    kept, _ = await db.get_user_memories(deserialize=False)
    learned, _ = await db.list_learnings(sort_by="learning_id", sort_order="asc")
    judged, _ = await db.get_eval_runs(deserialize=False, sort_by="name", sort_order="asc")
    return {
        "sessions": [steady(session) for session in sessions],
        "total": total,
        "memories": sorted(memory["memory"] for memory in kept),
        "learnings": [steady(item) for item in learned],
        "evaluations": [steady(dict(item)) for item in judged],
    }


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_it_leaves_the_same(
    place: Place, scenario: Callable[[Any], Awaitable[None]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if place.kind == "sqlite":
        other = Place("sqlite", f"sqlite:///{(tmp_path / 'agno.sqlite').as_posix()}")
    else:
        other = Place(
            "postgresql", request.getfixturevalue("postgres_server").create_database(f"f{abs(hash(place.url))}")
        )
    logging.disable(logging.CRITICAL)
    try:
        async with place.ours() as db:
            await db.create_tables()
            await scenario(db)
            ours = await left(db)
        adapter = other.agnos()
        await adapter._create_all_tables()
        await scenario(adapter)
        theirs = await left(adapter)
        await adapter.close()
    finally:
        logging.disable(logging.NOTSET)
    assert ours["total"] or ours["evaluations"]
    assert ours == theirs


async def test_a_stream_that_is_cancelled_is_stored_as_cancelled(place: Place) -> None:
    async with place.ours() as db:
        agent = helper(db, model=OfflineModel(seconds_per_chunk=0.05))
        async for event in agent.arun("what did I say?", stream=True, stream_events=True, session_id="cut", **USER):
            if event.event == "RunContent":
                await agent.acancel_run(event.run_id)
        session = await db.get_session("cut")
        assert [run.status for run in session.runs] == [RunStatus.cancelled]
        again = await helper(db).arun("hello", session_id="cut", **USER)
        assert again.status == RunStatus.completed
