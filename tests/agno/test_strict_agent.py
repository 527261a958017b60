"""agno's own Agent and Team on a database that takes no call without a user."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from agents import helper
from agno.run.base import RunStatus
from agno.team import Team
from places import Place

from agnodb.demo.model import OfflineModel


@pytest_asyncio.fixture
async def strict(place: Place) -> AsyncIterator[Any]:
    async with place.ours(strict_owner=True) as database:
        await database.create_tables()
        yield database


def problems(log: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in log.get_records("call") if r.levelno >= logging.ERROR]


async def test_whoever_says_who_they_are_is_served(strict: Any, agno_log: pytest.LogCaptureFixture) -> None:
    first = await helper(strict).arun("my name is alice", session_id="s", user_id="alice")
    second = await helper(strict).arun("what is my name?", session_id="s", user_id="alice")
    assert "alice" in second.content.lower()
    team = Team(id="t", members=[helper(strict)], model=OfflineModel(), db=strict, telemetry=False)
    third = await team.arun("hello", session_id="of the team", user_id="alice")
    runs = await strict.get_runs(user_id="alice")
    assert {first.run_id, second.run_id, third.run_id} <= {run.run_id for run in runs}
    assert problems(agno_log) == []


async def test_whoever_does_not_is_told_so_and_leaves_nothing(strict: Any, place: Place) -> None:
    answer = await helper(strict).arun("hello", session_id="s")
    assert answer.status == RunStatus.error
    assert answer.content == "This database takes no call that does not say its user."
    assert place.rows("agno_sessions") == place.rows("agno_runs") == []
