"""agno's Agent, Team and Workflow, and AgentOS over HTTP, on stores of documents and on MongoDB."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from agents import helper
from agno.agent import Agent
from agno.db.json import JsonDb as AgnosJsonDb
from agno.db.redis import RedisDb as AgnosRedisDb
from agno.os import AgentOS
from agno.team import Team
from agno.workflow import Step, Workflow
from google.cloud import storage
from pymongo import MongoClient

from agnodb import (
    AsyncDynamoDb,
    AsyncFirestoreDb,
    AsyncGcsJsonDb,
    AsyncInMemoryDb,
    AsyncJsonDb,
    AsyncMongoDb,
    AsyncRedisDb,
    DynamoDb,
    FirestoreDb,
    GcsJsonDb,
    InMemoryDb,
    JsonDb,
    MongoDb,
    RedisDb,
)
from agnodb.demo.model import OfflineModel
from agnodb.testing.conformance.agents import AgentConformance
from agnodb.testing.dynamodb_server import REGION

STORES = ("memory", "json", "redis", "dynamodb", "firestore", "gcs", "mongodb")
SERVED = STORES[2:]


def server_of(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"{request.param}_server") if request.param in SERVED else ""


def forget(kind: str, url: str, name: str) -> None:
    """Leave no database behind on a server that others may use too."""
    if kind == "mongodb":
        with MongoClient[dict[str, Any]](url) as client:
            client.drop_database(name)


@pytest.fixture(params=STORES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    url = server_of(request)
    prefix = f"agnodb-test-{uuid.uuid4().hex[:12]}"
    make = {
        "memory": AsyncInMemoryDb,
        "json": lambda: AsyncJsonDb(tmp_path),
        "redis": lambda: AsyncRedisDb(db_url=url, db_prefix=prefix, expire=60),
        "dynamodb": lambda: AsyncDynamoDb(db_url=f"dynamodb://{REGION}/{prefix}?endpoint={url}"),
        "firestore": lambda: AsyncFirestoreDb(db_url=url or f"firestore://agnodb-test/{prefix}"),
        "gcs": lambda: AsyncGcsJsonDb(storage.Client().create_bucket(prefix).name),
        "mongodb": lambda: AsyncMongoDb(db_url=url, db_name=prefix),
    }
    async with make[request.param]() as made:
        yield made
    forget(request.param, url, prefix)


@pytest.fixture(params=STORES)
def blocking(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    url = server_of(request)
    prefix = f"agnodb-test-{uuid.uuid4().hex[:12]}"
    make = {
        "memory": InMemoryDb,
        "json": lambda: JsonDb(tmp_path),
        "redis": lambda: RedisDb(db_url=url, db_prefix=prefix, expire=60),
        "dynamodb": lambda: DynamoDb(db_url=f"dynamodb://{REGION}/{prefix}?endpoint={url}"),
        "firestore": lambda: FirestoreDb(db_url=url or f"firestore://agnodb-test/{prefix}"),
        "gcs": lambda: GcsJsonDb(storage.Client().create_bucket(prefix).name),
        "mongodb": lambda: MongoDb(db_url=url, db_name=prefix),
    }
    with make[request.param]() as made:
        yield made
    forget(request.param, url, prefix)


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
async def test_a_conversation_is_kept(database: Any, kind: str) -> None:
    for _ in range(3):
        await _components(database)[kind].arun("hello", session_id="s", user_id="alice")
    session = await database.get_session("s", session_type=kind)
    assert len([run for run in session.runs if not getattr(run, "parent_run_id", None)]) == 3
    assert await database.get_session("s", session_type=kind, user_id="bob") is None


def test_a_conversation_is_kept_without_a_loop(blocking: Any) -> None:
    for _ in range(2):
        helper(blocking).run("hello", session_id="s")
    assert len(blocking.get_session("s").runs) == 2


async def test_agent_os_shows_it(database: Any) -> None:
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


class TestTurns:
    """Turns of one conversation that overlap."""

    test_8_turns_at_once_lose_nothing = AgentConformance.test_8_turns_at_once_lose_nothing

    @pytest.fixture
    def db(self, database: Any) -> Any:
        return database


@pytest.mark.parametrize(
    ("ours", "agnos"),
    [(AsyncJsonDb, AgnosJsonDb), (JsonDb, AgnosJsonDb), (AsyncRedisDb, AgnosRedisDb), (RedisDb, AgnosRedisDb)],
)
def test_the_arguments_are_agnos_and_in_its_order(ours: Any, agnos: Any) -> None:
    names = list(inspect.signature(agnos).parameters)
    assert list(inspect.signature(ours).parameters)[: len(names)] == names
