"""Collections that agno's own Mongo adapter and ours both use."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from agno.db.base import SessionType
from agno.db.mongo import AsyncMongoDb as AgnosDb
from agno.db.schemas.memory import UserMemory
from agno.run.agent import RunOutput
from agno.session import AgentSession
from pymongo import AsyncMongoClient

from agnodb import AsyncMongoDb


@pytest_asyncio.fixture
async def both(mongodb_server: str) -> AsyncIterator[tuple[AsyncMongoDb, Any]]:
    """Ours and agno's own on the same empty database."""
    name = f"agnodb_test_{uuid.uuid4().hex[:12]}"
    async with AsyncMongoClient[dict[str, Any]](mongodb_server) as client:
        ours, theirs = AsyncMongoDb(db_client=client, db_name=name), AgnosDb(db_client=client, db_name=name)
        yield ours, theirs
        await client.drop_database(name)


def a_session(**state: Any) -> AgentSession:
    return AgentSession(
        session_id="s", agent_id="a", user_id="alice", session_data={"session_state": state}, created_at=5
    )


def a_run(run_id: str) -> RunOutput:
    return RunOutput(run_id=run_id, session_id="s", agent_id="a", user_id="alice", content=f"said in {run_id}")


@pytest.mark.parametrize("ours_first", [True, False])
async def test_each_reads_and_changes_what_the_other_wrote(both: tuple[Any, Any], ours_first: bool) -> None:
    writer, reader = both if ours_first else both[::-1]
    await writer.upsert_session(a_session(n=1))
    await writer.upsert_run(a_run("r1"), session_id="s", user_id="alice")
    await writer.upsert_user_memory(UserMemory(memory_id="m", memory="tea", user_id="alice", topics=["drinks"]))

    read = await reader.get_session("s", session_type=SessionType.AGENT, user_id="alice")
    assert read.session_data["session_state"] == {"n": 1}
    assert [run.content for run in read.runs] == ["said in r1"]
    assert (await reader.get_user_memory("m", user_id="alice")).topics == ["drinks"]

    read.session_data["session_state"]["n"] = 2
    await reader.upsert_session(read)
    await reader.upsert_run(a_run("r2"), session_id="s", user_id="alice")
    again = await writer.get_session("s", session_type=SessionType.AGENT, user_id="alice")
    assert again.session_data["session_state"] == {"n": 2}
    assert {run.run_id for run in again.runs} == {"r1", "r2"}


async def test_a_save_of_agnos_adapter_is_seen_and_merged_with(both: tuple[Any, Any]) -> None:
    ours, theirs = both
    await ours.upsert_session(a_session(n=1))
    held = await ours.get_session("s", session_type=SessionType.AGENT, user_id="alice")
    await theirs.upsert_session(a_session(n=1, theirs=True))
    held.session_data["session_state"]["mine"] = True
    await ours.upsert_session(held)
    stored = await ours.get_session("s", session_type=SessionType.AGENT, user_id="alice")
    assert stored.session_data["session_state"] == {"n": 1, "theirs": True, "mine": True}
