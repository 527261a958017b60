"""kill -9 of MariaDB under load: every acknowledged write is there, none twice, nothing by halves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from test_history import AWAY_SECONDS, Load, unknown

from agnodb import AsyncMySQLDb, MySQLDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.history import ACKNOWLEDGED, UNKNOWN, check
from agnodb.testing.mariadb import MariaDBServer
from agnodb.testing.writers import halves, prepare, stored


@pytest.fixture(scope="module")
def server(mysql_server: Any) -> Iterator[MariaDBServer]:
    """Durable: what was acknowledged must be there after a crash. Asked for after one that may be missing."""
    with MariaDBServer.start(durable=True) as started:
        yield started


async def test_kill_9_of_the_server(server: MariaDBServer) -> None:
    arguments: dict[str, Any] = {
        "db_url": f"{server.url}/mysql",
        "db_schema": server.create_database("history"),
        "retry_timeout": 60.0,
    }
    async with contextlib.AsyncExitStack() as stack:
        databases: list[Any] = [AsyncMySQLDb(**arguments), AsyncFacade(MySQLDb(**arguments))]
        for db in databases:
            await stack.enter_async_context(db)
        await prepare(databases[0], schedules=20)
        load = Load(databases)
        async with load.going_on():
            await load.more()
            server.kill()
            await asyncio.sleep(AWAY_SECONDS)
            await asyncio.to_thread(server.restart)
            await load.more()
        found, operations = await stored(databases[1]), load.history.operations
        assert check(operations, found) == []
        assert halves(found) == set()
        assert {o.outcome for o in operations if o.kind != "claim"} <= {ACKNOWLEDGED, UNKNOWN}
        assert unknown(operations) <= len(load.writers)  # at most the one call that each writer had under way
        for db in databases:
            assert db.db_engine.pool.checkedout() == 0
