"""kill -9 of MongoDB's server under load: every acknowledged write is there, none twice, nothing by halves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from test_history import AWAY_SECONDS, Load

from agnodb import AsyncMongoDb, MongoDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.history import ACKNOWLEDGED, UNKNOWN, check
from agnodb.testing.mongo_server import MongoServer
from agnodb.testing.writers import halves, prepare, stored


@pytest.fixture(scope="module")
def server(mongodb_server: str) -> Iterator[MongoServer]:
    """One of its own, which may be killed. Asked for after one that may be missing."""
    with MongoServer.start() as started:
        yield started


async def test_kill_9_of_the_server(server: MongoServer) -> None:
    arguments: dict[str, Any] = {"db_url": server.url, "db_name": "history", "retry_timeout": 60.0}
    async with contextlib.AsyncExitStack() as stack:
        databases: list[Any] = [AsyncMongoDb(**arguments), AsyncFacade(MongoDb(**arguments))]
        for db in databases:
            await stack.enter_async_context(db)
        await prepare(databases[0], schedules=20)
        load = Load(databases)
        async with load.going_on():
            await load.more()
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(AWAY_SECONDS)
            await asyncio.to_thread(server.go_on)
            await load.more()
        found, operations = await stored(databases[1]), load.history.operations
        assert check(operations, found) == []
        assert halves(found) == set()
        # Transactions that met end with an error that does not tell one of the two from a lost connection.
        assert {o.outcome for o in operations if o.kind != "claim"} <= {ACKNOWLEDGED, UNKNOWN}
        alone = [o for o in operations if o.outcome == UNKNOWN and "-t" not in f"{o.place} {o.value}"]
        assert len({o.began for o in alone}) <= len(load.writers)  # the one call that each had under way
