"""agno's Agent, Team and Workflow, and AgentOS over HTTP, on a database in memory."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from agents import helper
from agno.agent import Agent
from agno.os import AgentOS
from agno.team import Team
from agno.workflow import Step, Workflow

from agnodb import AsyncInMemoryDb, InMemoryDb
from agnodb.demo.model import OfflineModel


def _components(db: Any) -> dict[str, Any]:
    member = Agent(id="member", name="Member", model=OfflineModel(), telemetry=False)
    team = Team(members=[member], id="team", name="Team", model=OfflineModel(), db=db, telemetry=False)
    step = Step(name="first", agent=Agent(id="step", name="Step", model=OfflineModel(), telemetry=False))
    return {
        "agent": helper(db),
        "team": team,
        "workflow": Workflow(id="flow", name="Flow", steps=[step], db=db, telemetry=False),
    }


@pytest.mark.parametrize("kind", ["agent", "team", "workflow"])
async def test_a_conversation_is_kept(kind: str) -> None:
    database = AsyncInMemoryDb()
    for _ in range(3):
        await _components(database)[kind].arun("hello", session_id="s", user_id="alice")
    session = await database.get_session("s", session_type=kind)
    assert len([run for run in session.runs if not getattr(run, "parent_run_id", None)]) == 3
    assert await database.get_session("s", session_type=kind, user_id="bob") is None


def test_a_conversation_is_kept_without_a_loop() -> None:
    database = InMemoryDb()
    for _ in range(2):
        helper(database).run("hello", session_id="s")
    assert len(database.get_session("s").runs) == 2


async def test_agent_os_shows_it() -> None:
    database = AsyncInMemoryDb()
    agent = helper(database)
    await agent.arun("hello", session_id="s", user_id="alice")
    app = AgentOS(agents=[agent], db=database, telemetry=False).get_app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://os") as client:
        sessions = (await client.get("/sessions", params={"type": "agent"})).json()
        assert [one["session_id"] for one in sessions["data"]] == ["s"]
        runs = (await client.get("/sessions/s/runs", params={"type": "agent"})).json()
        assert len(runs) == 1
        assert (await client.delete("/sessions/s")).status_code == 204
        assert (await client.get("/sessions", params={"type": "agent"})).json()["data"] == []
        metrics = await client.get("/metrics")
        assert metrics.status_code == 200
