"""One database object meets many event loops, and a connection of aiomysql outlives the one that opened it."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from agnodb import AsyncMySQLDb
from agnodb.records.memories import MemoryRecord
from agnodb.testing.mariadb import MySQLAccess

OPEN = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root'"


@pytest.fixture
def database(mysql_server: MySQLAccess) -> Iterator[str]:
    name = mysql_server.create_database(f"agnodb_test_{uuid.uuid4().hex[:12]}")
    yield name
    mysql_server.drop_database(name)


def test_connections_of_loops_that_ended_are_dropped_without_them(
    mysql_server: MySQLAccess, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    before, db = mysql_server.run(OPEN), AsyncMySQLDb(db_url=mysql_server.url, db_schema=database)

    async def chat(number: int) -> None:
        memories = [MemoryRecord(memory_id=f"{number} {n}", memory="tea") for n in range(4)]
        await asyncio.gather(*(db.memories.upsert(memory) for memory in memories))
        unfinished = db.transaction()
        tx = await unfinished.__aenter__()
        assert await tx.memories.get(f"{number} 0")

    for number in range(3):
        asyncio.run(chat(number))
    asyncio.run(db.close())
    gc.collect()
    until = time.monotonic() + 20
    while mysql_server.run(OPEN) > before and time.monotonic() < until:
        time.sleep(0.1)
    assert mysql_server.run(OPEN) <= before
    assert [str(each.exc_value) for each in unraisable] == []
