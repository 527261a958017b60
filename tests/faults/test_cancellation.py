"""A call that is cancelled, at whatever point, leaves no connection, no transaction and no lock behind."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from breaking import Server, database, memory

from agnodb import AsyncPostgresDb, AsyncSqliteDb

Db = AsyncPostgresDb | AsyncSqliteDb
CALLS = 60
MAKE = ("asyncpg", "psycopg", "file", "memory")


@pytest.fixture(params=MAKE)
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Db]:
    made: Db
    if request.param in ("asyncpg", "psycopg"):
        made = database(request.getfixturevalue("postgres_url"), request.param)
    else:
        made = AsyncSqliteDb(db_url="sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'a.db'}")
    async with made:
        await made.create_tables()
        yield made


async def call(db: Db, number: int) -> None:
    kind = number % 3
    if kind == 0:
        await db.memories.upsert(memory(number % 5, "x" * 5000))
    elif kind == 1:
        await db.memories.get(f"m{number % 5}")
    else:
        async with db.transaction() as tx:
            await tx.memories.upsert(memory(1))
            await tx.memories.get("m1")
            await asyncio.sleep(0.001)
            await tx.memories.upsert(memory(2))


async def cancelled_at(db: Db, number: int, seconds: float) -> BaseException | None:
    """The error is kept, with its traceback and all that this refers to, as applications do."""
    try:
        if number % 2:
            await asyncio.wait_for(call(db, number), seconds)
        else:
            async with asyncio.timeout(seconds):
                await call(db, number)
    except TimeoutError as error:
        return error
    return None


async def test_60_cancelled_calls_leak_nothing(db: Db, request: pytest.FixtureRequest) -> None:
    chance = random.Random(4)
    kept: list[BaseException] = []
    async with asyncio.timeout(60):  # a connection that is never given back is waited for
        while len(kept) < CALLS:
            limits = [chance.uniform(0, 0.02) for _ in range(12)]
            made = await asyncio.gather(*(cancelled_at(db, number, limit) for number, limit in enumerate(limits)))
            kept += [error for error in made if error is not None]
    began = time.monotonic()
    for number in range(6):
        await call(db, number)
    assert time.monotonic() - began < 2  # nobody holds a lock
    pool = db.db_engine.pool
    assert pool.checkedout() == 0  # type: ignore[attr-defined]
    if isinstance(db, AsyncPostgresDb):
        server = Server(request.getfixturevalue("postgres_url"))
        await asyncio.sleep(0.3)  # what was interrupted is being closed
        assert server.connections() <= pool.size()  # type: ignore[attr-defined]
        assert server.connections("idle in transaction%") == 0
        assert server.connections("active") == 0
        await db.close()
        await asyncio.sleep(0.3)
        assert server.connections() == 0


async def test_tasks_cancelled_from_outside(db: Db) -> None:
    """As a server does with the tasks of clients who went away; the second cancellation comes while it cleans up."""
    for pause in (0, 0.0005, 0.001, 0.002, 0.004):
        tasks = [asyncio.create_task(call(db, number)) for number in range(8)]
        await asyncio.sleep(pause)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5):
        for number in range(6):
            await call(db, number)
    await asyncio.sleep(0.3)  # what was interrupted is being closed
    assert db.db_engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_a_cancelled_transaction_is_rolled_back(db: Db) -> None:
    begun = asyncio.Event()

    async def forever() -> None:
        async with db.transaction() as tx:
            await tx.memories.upsert(memory(9))
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(forever())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(2):
        assert await db.memories.get("m9") is None
        await db.memories.upsert(memory(9))


async def test_statements_side_by_side_in_one_transaction(db: Db) -> None:
    async with db.transaction() as tx:
        await asyncio.gather(*(tx.memories.upsert(memory(number)) for number in range(5)))
    assert len((await db.get_user_memories(deserialize=False))[0]) == 5  # type: ignore[index, arg-type]
    assert db.db_engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_who_waits_for_the_writer_of_a_sqlite_file_can_be_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    async with AsyncSqliteDb(db_file=str(path)) as db:
        await db.create_tables()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for number in (0, 2, 3):  # writes
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call(db, number), 0.1)
            assert time.monotonic() - began < 2
        waiting = asyncio.create_task(call(db, 0))
        await asyncio.sleep(1.2)  # longer than the driver waits
        other.execute("COMMIT")
        other.close()
        async with asyncio.timeout(3):
            await waiting
            await call(db, 2)
