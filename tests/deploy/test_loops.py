"""One instance in many event loops, threads and processes."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agno.scheduler import ScheduleManager
from agno.tracing.exporter import DatabaseSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from agnodb import AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SqliteDb
from agnodb.errors import InvalidValueError, UnavailableError, WrongLoopError
from agnodb.executors import carrying
from agnodb.filters import Page
from agnodb.records.memories import MemoryRecord

RUNS = 200
OTHERS = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"

Db = AsyncPostgresDb | AsyncSqliteDb


def memory(name: object) -> MemoryRecord:
    return MemoryRecord(memory_id=str(name), memory="tea", user_id="alice")


def connections(url: str) -> set[int]:
    """The server's processes for the database at `url`."""
    with psycopg.connect(url, autocommit=True) as connection:
        return {row[0] for row in connection.execute(f"SELECT pid FROM pg_stat_activity WHERE {OTHERS}").fetchall()}


@pytest.fixture(params=["asyncpg", "psycopg", "file", "memory"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Db]:
    made: Db
    if request.param in ("asyncpg", "psycopg"):
        url = request.getfixturevalue("postgres_url")
        made = AsyncPostgresDb(db_url=url.replace("postgresql://", f"postgresql+{request.param}://"))
    else:
        made = AsyncSqliteDb(db_url="sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'a.db'}")
    yield made
    asyncio.run(made.close())


def test_200_loops_with_agnos_exporter_and_schedule_manager(db: Db, request: pytest.FixtureRequest) -> None:
    provider, schedules = TracerProvider(), ScheduleManager(db)
    provider.add_span_processor(SimpleSpanProcessor(DatabaseSpanExporter(db)))
    tracer, most = provider.get_tracer("test"), 0

    async def chat(number: int) -> None:
        await db.memories.upsert(memory(number))
        await asyncio.gather(*(db.memories.get(str(number)) for _ in range(3)))

    for number in range(RUNS):
        asyncio.run(chat(number))
        if number % 4 == 0:
            with tracer.start_as_current_span(f"span {number}"):
                pass  # is exported here, in a loop of its own
        if number % 10 == 0:
            schedules.create(name=f"schedule {number}", cron="0 9 * * *", endpoint="/agents/helper/runs")
        if number % 50 == 49 and isinstance(db, AsyncPostgresDb):
            most = max(most, len(connections(request.getfixturevalue("postgres_url"))))

    async def stored() -> tuple[int, int, int]:
        memories = (await db.get_user_memories(deserialize=False))[1]  # type: ignore[misc]
        return memories, (await db.get_traces())[1], len(schedules_stored)  # type: ignore[return-value]

    schedules_stored = schedules.list(limit=100)
    assert asyncio.run(stored()) == (RUNS, RUNS // 4, RUNS // 10)
    assert most <= 10
    assert len(db._executor._engines._states) == 1  # type: ignore[attr-defined]
    aiosqlite_threads = [thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name]
    assert len(aiosqlite_threads) <= 10


def test_live_loops_in_threads(db: Db, request: pytest.FixtureRequest) -> None:
    """Each has connections of its own, no more than its pool's size."""
    threads, errors = 4, list[BaseException]()
    ready = threading.Barrier(threads + 1)

    async def work(thread: int) -> None:
        await asyncio.gather(*(db.memories.upsert(memory(f"{thread}-{n}")) for n in range(10)))
        await asyncio.to_thread(ready.wait)
        await asyncio.to_thread(ready.wait)

    def run(thread: int) -> None:
        try:
            asyncio.run(work(thread))
        except BaseException as error:
            errors.append(error)
            ready.abort()

    running = [threading.Thread(target=run, args=[thread]) for thread in range(threads)]
    for thread in running:
        thread.start()
    ready.wait(60)
    if isinstance(db, AsyncPostgresDb):
        assert len(connections(request.getfixturevalue("postgres_url"))) <= threads * 10
    ready.wait(60)
    for thread in running:
        thread.join()
    assert errors == []

    async def count() -> int:
        return (await db.get_user_memories(deserialize=False))[1]  # type: ignore[return-value]

    assert asyncio.run(count()) == threads * 10
    if isinstance(db, AsyncPostgresDb):  # the closed loops' connections are gone
        eventually(lambda: len(connections(request.getfixturevalue("postgres_url"))) <= 2)


def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(100):
        if holds():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it does not hold after five seconds")


# -- an engine that was passed in ---------------------------------------------------------------------------------


def test_a_users_engine_belongs_to_one_loop(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://"))
    db = AsyncPostgresDb(db_engine=engine)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    first.run_until_complete(db.memories.upsert(memory(1)))
    for call in (lambda: db.memories.get("1"), lambda: in_transaction(db)):
        with pytest.raises(WrongLoopError, match=r"db_url=.*dispose") as raised:
            second.run_until_complete(call())
        assert raised.value.status_code == 500
    health = second.run_until_complete(db.health())
    assert (health.ok, health.error) == (False, "WrongLoopError")
    assert first.run_until_complete(db.memories.get("1")) is not None
    first.run_until_complete(engine.dispose())
    assert second.run_until_complete(db.memories.get("1")) is not None  # the way out
    with pytest.raises(WrongLoopError):
        first.run_until_complete(db.memories.get("1"))
    second.run_until_complete(engine.dispose())
    first.close()
    second.close()


async def in_transaction(db: Db) -> None:
    async with db.transaction() as tx:
        await tx.memories.get("1")


def test_a_users_engine_without_a_pool_belongs_to_all(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool)
    db = AsyncPostgresDb(db_engine=engine)
    for number in range(3):
        asyncio.run(db.memories.upsert(memory(number)))
    assert connections(postgres_url) == set()


@pytest.fixture
async def users_db(postgres_url: str) -> AsyncIterator[AsyncPostgresDb]:
    """A database on an engine of this loop."""
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=3)
    yield AsyncPostgresDb(db_engine=engine)
    await engine.dispose()


async def test_calls_of_other_loops_are_carried_to_the_engines_own(users_db: Db) -> None:
    await users_db.create_tables()

    async def elsewhere(who: str) -> None:
        await three_calls(users_db, who)
        async with users_db.transaction() as tx:
            await tx.memories.upsert(memory(f"{who} inside"))
        with pytest.raises(InvalidValueError):
            await users_db.get_sessions(sort_by="no such field")
        assert (await users_db.health()).ok

    threads = [asyncio.to_thread(asyncio.run, elsewhere(f"thread {n}")) for n in range(8)]
    await asyncio.gather(*threads, three_calls(users_db, "at home"))
    _, total = await users_db.memories.page(Page(limit=1))
    assert total == 8 * 4 + 3


async def test_agnos_batch_exporter_stores_through_an_engine_that_was_passed_in(users_db: Db) -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(DatabaseSpanExporter(users_db)))
    for number in range(50):
        with provider.get_tracer("test").start_as_current_span(f"Agent.run {number}"):
            pass
    assert await asyncio.to_thread(provider.force_flush)
    await asyncio.to_thread(provider.shutdown)
    assert len(await users_db.spans.earliest()) == 50


async def test_the_first_call_may_come_from_another_loop(users_db: Db) -> None:
    """The engine was passed in where this loop runs, so it is this loop's."""
    await asyncio.to_thread(asyncio.run, users_db.memories.upsert(memory("exported")))
    assert await users_db.memories.get("exported") is not None


async def test_a_carried_call_can_be_cancelled(users_db: Db) -> None:
    await users_db.create_tables()

    async def hurried() -> None:
        async with users_db.transaction() as tx:
            await tx.memories.upsert(memory("first"))
            async with asyncio.timeout(0.2):
                # Another transaction holds the row: this waits at home until it is cancelled from here.
                await tx.memories.upsert(memory("held"))

    async with users_db.transaction() as tx:
        await tx.memories.upsert(memory("held"))
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(asyncio.run, hurried())
    assert await users_db.memories.get("first") is None
    assert await users_db.memories.get("held") is not None
    assert users_db.db_engine.pool.checkedout() == 0


async def test_a_blocked_loop_is_an_error_and_no_deadlock(users_db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    await users_db.create_tables()
    monkeypatch.setattr(carrying, "PATIENCE", 0.3)
    monkeypatch.setattr(carrying, "_LOOK", 0.05)
    users_db._executor._retry_timeout = 0
    told: list[BaseException] = []

    def call() -> None:
        try:
            asyncio.run(users_db.memories.get("1"))
        except UnavailableError as error:
            told.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(10)  # this loop is blocked by waiting for the very call that needs it
    assert not thread.is_alive()
    assert len(told) == 1
    assert await users_db.memories.get("1") is None


# -- forks --------------------------------------------------------------------------------------------------------


def in_a_child(work: Callable[[], None]) -> None:
    """Run `work` in a fork of this process, which then ends as a server's worker does."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            gc.collect()  # what nobody refers to any more is closed here
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


async def three_calls(db: Db, who: str) -> None:
    await asyncio.gather(*(db.memories.upsert(memory(f"{who} {n}")) for n in range(3)))
    assert await db.memories.get(f"{who} 0") is not None


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_after_a_fork_a_child_opens_its_own(postgres_url: str, driver: str) -> None:
    db = AsyncPostgresDb(db_url=postgres_url.replace("postgresql://", f"postgresql+{driver}://"))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(three_calls(db, "parent"))
    parents = connections(postgres_url)

    def child() -> None:
        async def work() -> None:
            await three_calls(db, "child")
            mine = await asyncio.to_thread(connections, postgres_url)
            assert parents < mine
            await db.close()

        asyncio.run(work())

    in_a_child(child)
    eventually(lambda: connections(postgres_url) == parents)
    loop.run_until_complete(three_calls(db, "parent again"))
    assert connections(postgres_url) == parents  # they are as they were
    loop.run_until_complete(db.close())
    loop.close()


def test_after_a_fork_the_users_engine_opens_its_own_too(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://"))
    db = AsyncPostgresDb(db_engine=engine)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(three_calls(db, "parent"))
    parents = connections(postgres_url)
    in_a_child(lambda: asyncio.run(three_calls(db, "child")))
    eventually(lambda: connections(postgres_url) == parents)
    loop.run_until_complete(three_calls(db, "parent again"))
    assert connections(postgres_url) == parents
    loop.run_until_complete(engine.dispose())
    loop.close()


def test_after_a_fork_a_sync_child_opens_its_own(postgres_url: str) -> None:
    with PostgresDb(db_url=postgres_url) as db:
        db.memories.upsert(memory("parent"))
        parents = connections(postgres_url)

        def child() -> None:
            db.memories.upsert(memory("child"))
            assert parents < connections(postgres_url)
            db.close()

        in_a_child(child)
        eventually(lambda: connections(postgres_url) == parents)
        assert db.memories.get("child") is not None
        assert connections(postgres_url) == parents


@pytest.mark.parametrize("kind", [AsyncSqliteDb, SqliteDb])
def test_after_a_fork_a_child_opens_the_file_again(tmp_path: Path, kind: type[Any]) -> None:
    path = tmp_path / "forked.db"
    db = kind(db_file=str(path))
    loop = asyncio.new_event_loop()

    def call(who: str) -> None:
        if kind is SqliteDb:
            db.memories.upsert(memory(who))
        else:
            loop.run_until_complete(three_calls(db, who))

    call("parent")
    in_a_child(
        lambda: db.memories.upsert(memory("child")) if kind is SqliteDb else asyncio.run(three_calls(db, "child"))
    )
    call("parent again")
    closed = db.close()
    if closed is not None:
        loop.run_until_complete(closed)
    loop.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ids = {row[0].split()[0] for row in connection.execute("SELECT memory_id FROM agno_memories")}
    assert ids == {"parent", "child"}
