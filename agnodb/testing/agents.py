"""Agents and teams of agno's that talk to an offline model, and whose tool changes the state of their session.

Imports agno: the conformance suite imports this only where agno is installed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from agno.agent import Agent
from agno.run.base import RunContext
from agno.team import Team

from agnodb.demo.model import OfflineModel

COUNTS = ("input_tokens", "output_tokens", "total_tokens")


class Meeting:
    """A tool that keeps a key in the state. No run leaves it before `runs` have come: each has read what the others
    have not saved yet."""

    def __init__(self, runs: int) -> None:
        self._all_there = asyncio.Barrier(runs)

    async def keep(self, run_context: RunContext, key: str) -> str:
        """Keep a key in the state."""
        state = run_context.session_state
        assert state is not None
        state[key] = f"value of {key}"
        await asyncio.wait_for(self._all_there.wait(), 20)
        return f"kept {key}"


def component(kind: str, db: Any, meeting: Meeting) -> Any:
    """An agent, or a team that asks a member before it uses the tool."""
    if kind == "agent":
        return Agent(id="agent", name="Agent", model=OfflineModel(), db=db, tools=[meeting.keep], telemetry=False)
    member = Agent(id="member", name="Member", role="helps", model=OfflineModel(), telemetry=False)
    return Team(
        members=[member],
        id="team",
        name="Team",
        model=OfflineModel(),
        db=db,
        tools=[meeting.keep],
        telemetry=False,
    )


def wanted(kind: str, key: str) -> str:
    """What a user says so that `key` is kept."""
    asked = f"keep with key {key}"
    return asked if kind == "agent" else f"{asked}, and delegate_task_to_member with member_id member task tell"


def tokens(run: Any) -> dict[str, int]:
    """What a run and the runs of its members have used."""
    runs = [run, *(getattr(run, "member_responses", None) or ())]
    return {name: sum(getattr(one.metrics, name) for one in runs) for name in COUNTS}
