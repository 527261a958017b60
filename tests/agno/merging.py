"""Many runs of one session at once, and what they must leave behind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

from agents import helper
from agno.metrics import SessionMetrics
from agno.run.base import RunContext
from agno.team import Team
from agno.workflow import Step, Workflow
from agno.workflow.types import StepInput, StepOutput, WorkflowMetrics

from agnodb.demo.model import OfflineModel

RUNS = 8
TALK = {"session_id": "s", "user_id": "alice"}
SAID = "keep with key {}, and delegate_task_to_member with member_id member task tell"
"""Calls `Meeting.keep`, and in a team the member too."""
COUNTS = ("input_tokens", "output_tokens", "total_tokens", "details")


class Meeting:
    """A tool that sets a key. No run whose key begins with k gets out before all of them have come, so that each has
    loaded what the others have not yet saved."""

    def __init__(self, runs: int = RUNS) -> None:
        self._barrier = asyncio.Barrier(runs)

    async def keep(self, run_context: RunContext, key: str) -> str:
        """Keep a key in the state."""
        state = run_context.session_state
        assert state is not None
        state[key] = f"value of {key}"
        state["visits"] = state.get("visits", 0) + 1
        if key.startswith("k"):
            await asyncio.wait_for(self._barrier.wait(), 20)
        return f"kept {key}"


def crew(db: Any, *, tools: Any = (), **settings: Any) -> Team:
    """A team whose leader asks its member and then uses its own tools."""
    member = helper(None, id="member", name="Member", role="helps", add_history_to_context=False)
    given: dict[str, Any] = {"id": "crew", "name": "Crew", "telemetry": False, **settings}
    return Team(members=[member], model=OfflineModel(), db=db, tools=list(tools), **given)


def flow(db: Any, *, tools: Any = (), **settings: Any) -> Workflow:
    """A workflow of an agent, which counts tokens, and a function, which changes the state."""

    async def change(given: StepInput, run_context: RunContext) -> StepOutput:
        named = re.search(r"key (\w+)", str(given.input))
        return StepOutput(content=await tools[0](run_context, named.group(1)) if named else "")

    asked = helper(None, id="asked", add_history_to_context=False)
    steps = [Step(name="ask", agent=asked), Step(name="change", executor=change)]
    return Workflow(id="flow", name="Flow", steps=steps, db=db, telemetry=False, **settings)


def all_metrics(run: Any) -> Iterator[Any]:
    """The metrics of a run and of the runs inside it that agno counts."""
    if isinstance(run.metrics, WorkflowMetrics):
        yield from (step.metrics for step in run.metrics.steps.values() if step.metrics is not None)
    elif run.metrics is not None:
        yield run.metrics
    for member in getattr(run, "member_responses", None) or ():
        yield from all_metrics(member)


def summed(runs: Any) -> dict[str, Any]:
    """agno's own sum of the runs, as it would have them in session_metrics."""
    total = SessionMetrics()
    for run in runs:
        for metrics in all_metrics(run):
            total.accumulate_from_run(metrics)
    return counted(total.to_dict())


def counted(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in COUNTS if name in metrics}


def state_of(keys: Any) -> dict[str, Any]:
    """The state that runs with these keys leave."""
    return {"visits": len(keys), **{key: f"value of {key}" for key in keys}}


async def alone(make: Any, db: Any = None, key: str = "first") -> Any:
    """The answer of a run by itself, of a component or of one made for `db`."""
    component = make if db is None else make(db, tools=[Meeting().keep])
    return await component.arun(SAID.format(key), **TALK)
