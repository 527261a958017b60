"""A server of MongoDB or Valkey that is killed under load, and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from agnodb import AsyncMongoDb, AsyncRedisDb
from agnodb.errors import UnavailableError
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.mongo_server import MongoServer
from agnodb.testing.processes import ServerProcess
from agnodb.testing.valkey_server import ValkeyServer

WRITERS = 4


KINDS: dict[Any, Any] = {MongoServer: AsyncMongoDb, ValkeyServer: AsyncRedisDb}


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    with request.param.start() as server:
        yield server


async def test_what_was_acknowledged_survives_kill_9(server: Any) -> None:
    acknowledged: list[str] = []
    stop = asyncio.Event()
    async with KINDS[type(server)](db_url=server.url) as db:
        await db.sessions.upsert(a_session())

        async def write(writer: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                run_id = f"r{writer}-{number}"
                try:
                    await db.runs.upsert(a_run(run_id))
                except UnavailableError:
                    continue
                acknowledged.append(run_id)

        async def disturb() -> None:
            for _ in range(2):
                await asyncio.sleep(0.7)
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(0.2)
                await asyncio.to_thread(server.go_on)
            before = len(acknowledged)
            while len(acknowledged) < before + WRITERS:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            stop.set()

        await asyncio.wait_for(asyncio.gather(disturb(), *map(write, range(WRITERS))), 90)
        runs: list[Any] = await db.get_runs(session_id="s", deserialize=False)
        stored = [run["run_id"] for run in runs[0]]
        assert {*acknowledged} <= {*stored}
        assert len(stored) == len({*stored})
        places = [run["run_index"] for run in runs[0]]
        assert len(places) == len({*places}), "two runs have one place"


async def test_a_call_waits_for_a_server_that_comes_back(server: Any) -> None:
    async with KINDS[type(server)](db_url=server.url) as db:
        await db.sessions.upsert(a_session(user_id="alice"))
        await asyncio.to_thread(server.kill)
        waiting = asyncio.create_task(db.sessions.get("s"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert not (await db.health()).ok
        await asyncio.to_thread(server.go_on)
        assert (await waiting).user_id == "alice"
        assert (await db.health()).ok
