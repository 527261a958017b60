"""Statements on the driver: which go there, who still hears of them, and what a connection is like afterwards."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiosqlite
import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from agnodb import AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SqliteDb
from agnodb.errors import DuplicateKeyError, InvalidValueError, StorageError, UnavailableError
from agnodb.executors.on_awaited import OnAiosqlite
from agnodb.executors.on_driver import ON_DRIVER, OnDriver
from agnodb.records.memories import MemoryRecord
from agnodb.testing.conformance.calls import Sample, calls

TEA = MemoryRecord(memory_id="m", memory="tea", user_id="alice")


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[AsyncPostgresDb]:
    async with AsyncPostgresDb(db_url=postgres_url, retry_timeout=0) as made:
        await made.create_tables()
        yield made


def direct(db: AsyncPostgresDb | AsyncSqliteDb) -> OnDriver:
    found: OnDriver = db.db_engine.sync_engine.get_execution_options()[ON_DRIVER]
    return found


LEFT = {f"{name} of {unlimited}" for name in ("spans.stats", "traces.report") for unlimited in (True, False)}
"""Averages are of a type that SQLAlchemy converts."""


async def test_all_shapes_but_few_go_to_the_driver(db: AsyncPostgresDb) -> None:
    sample = Sample()
    await sample.fill(db)
    for call in calls(db, sample, user="alice", taken=True):
        try:
            await call.run()
        except StorageError:
            continue
    compiled = direct(db)._compiled
    left = {shape.name for shape, found in compiled.items() if found is None}
    assert left <= LEFT
    assert len(compiled) > 50


async def test_whoever_listens_to_statements_hears_all_of_them(db: AsyncPostgresDb) -> None:
    heard: list[str] = []
    event.listen(db.db_engine.sync_engine, "before_cursor_execute", lambda *args: heard.append(args[2]))
    await db.memories.upsert(TEA)
    await db.memories.get("m")
    assert [text.split()[0] for text in heard] == ["INSERT", "SELECT"]


async def test_a_log_of_statements_has_all_of_them(db: AsyncPostgresDb, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="sqlalchemy.engine"):
        await db.memories.get("m")
    assert any("SELECT" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("name", ["checkout", "checkin", "reset"])
async def test_whoever_listens_to_the_pool_may_run_statements(db: AsyncPostgresDb, name: str) -> None:
    asked: list[Any] = []

    def ask(connection: Any, *_further: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        asked.append(cursor.fetchone()[0])
        cursor.close()

    event.listen(db.db_engine.sync_engine, name, ask)
    for _ in range(3):
        await db.memories.upsert(TEA)
    assert len(asked) >= 3


async def test_whoever_listens_to_errors_hears_them(db: AsyncPostgresDb) -> None:
    heard: list[str] = []
    event.listen(
        db.db_engine.sync_engine, "handle_error", lambda context: heard.append(context.original_exception.sqlstate)
    )
    await db.memories.get("m")
    with psycopg.connect(db.db_url.replace("+asyncpg", ""), autocommit=True) as connection:  # type: ignore[union-attr]
        connection.execute("ALTER TABLE ai.agno_memories ADD CONSTRAINT none CHECK (memory_id <> 'm')")
    with pytest.raises(InvalidValueError) as raised:
        await db.memories.upsert(TEA)
    assert heard == ["23514"]
    assert "INSERT INTO ai.agno_memories" in str(raised.value.detail)


async def test_a_given_engine_runs_as_sqlalchemy_runs_it(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://"))
    heard: list[str] = []
    event.listen(engine.sync_engine, "after_cursor_execute", lambda *args: heard.append(args[2]))
    async with AsyncPostgresDb(db_engine=engine) as db:
        await db.create_tables()
        heard.clear()
        await db.memories.get("m")
        assert len(heard) == 1
    await engine.dispose()


async def test_a_table_that_changes_under_prepared_statements(db: AsyncPostgresDb, postgres_url: str) -> None:
    await db.memories.upsert(TEA)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE ai.agno_memories ALTER COLUMN feedback TYPE varchar(500)")
        connection.execute("ALTER TABLE ai.agno_memories ADD COLUMN later text")
    found = await db.memories.get("m")
    assert found is not None
    assert (await db.memories.upsert(TEA)).memory == "tea"


async def test_a_cancelled_statement_ends_on_the_server_and_its_connection_is_given_up(
    db: AsyncPostgresDb, postgres_url: str
) -> None:
    await db.memories.upsert(TEA)
    pids = "SELECT pid FROM pg_stat_activity WHERE application_name = 'agnodb' AND wait_event_type = 'Lock'"
    with psycopg.connect(postgres_url) as locked, psycopg.connect(postgres_url, autocommit=True) as server:

        async def until(waits: bool) -> None:
            async with asyncio.timeout(5):
                while bool(server.execute(pids).fetchall()) is not waits:  # noqa: ASYNC110  (the server tells no event)
                    await asyncio.sleep(0.01)

        locked.execute("SELECT 1 FROM ai.agno_memories FOR UPDATE")
        waiting = asyncio.create_task(db.memories.upsert(TEA))
        await until(True)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await until(False)
    pool: Any = db.db_engine.sync_engine.pool
    assert pool.checkedout() == 0
    assert (await db.memories.upsert(TEA)).memory == "tea"


async def test_connections_that_died_together_cost_one_failed_call_at_most(
    db: AsyncPostgresDb, postgres_url: str
) -> None:
    await asyncio.gather(*(db.memories.get(f"m{n}") for n in range(6)))
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agnodb'")
    failed = 0
    for _ in range(12):  # the loop has not been told yet, so that the first call meets a dead connection
        try:
            await db.memories.get("m")
        except UnavailableError:
            failed += 1
    assert failed <= 1


async def test_a_pool_that_has_no_connection_left_is_waited_for(postgres_url: str) -> None:
    async with AsyncPostgresDb(db_url=postgres_url, pool_size=1) as db:
        await db.create_tables()
        found = await asyncio.gather(*(db.memories.upsert(TEA) for _ in range(20)))
        assert [memory.memory for memory in found] == ["tea"] * 20
        assert db.db_engine.sync_engine.pool.checkedin() == 1  # type: ignore[attr-defined]


async def test_a_lent_connection_is_given_back_whatever_comes(db: AsyncPostgresDb) -> None:
    pool: Any = db.db_engine.sync_engine.pool
    await db.memories.upsert(TEA)
    left = db.memories.upsert(TEA)  # by a caller who is gone: nobody waits for its end
    left.send(None)
    assert pool.checkedout() == 1
    left.close()
    assert pool.checkedout() == 0
    assert (await db.memories.upsert(TEA)).memory == "tea"


async def test_a_lent_connection_that_is_worn_is_replaced_before_it_is_used(db: AsyncPostgresDb) -> None:
    pool: Any = db.db_engine.sync_engine.pool
    await asyncio.gather(*(db.memories.get(f"m{n}") for n in range(4)))
    for lent in [pool.lend() for _ in range(pool.checkedin())]:
        lent.driver_connection.terminate()
        pool.give_back(lent)
    for _ in range(8):
        assert await db.memories.get("m") is None
    assert pool.checkedout() == 0


async def test_who_waits_for_a_connection_has_its_turn(postgres_url: str) -> None:
    async with AsyncPostgresDb(db_url=postgres_url, pool_size=1) as db:
        await db.create_tables()
        made: list[str] = []

        async def caller(name: str, calls: int) -> None:
            for _ in range(calls):
                await db.memories.get("m")
                made.append(name)

        await asyncio.gather(caller("busy", 5), caller("late", 1))
        assert made.index("late") <= 1


async def test_who_waits_for_a_connection_waits_no_longer_than_the_limit(postgres_url: str) -> None:
    async with AsyncPostgresDb(db_url=postgres_url, pool_size=1, pool_timeout=0.05) as db:
        await db.memories.upsert(TEA)
        with psycopg.connect(postgres_url) as locked:
            locked.execute("SELECT 1 FROM ai.agno_memories FOR UPDATE")
            waiting = asyncio.create_task(db.memories.upsert(TEA))
            await asyncio.sleep(0)
            with pytest.raises(UnavailableError):
                await db.memories.get("m")
        assert (await waiting).memory == "tea"
        assert await db.memories.get("m") is not None


# -- without an event loop ------------------------------------------------------------------------------------------


@pytest.fixture
def blocking(postgres_url: str) -> Iterator[PostgresDb]:
    with PostgresDb(db_url=postgres_url, pool_size=1, retry_timeout=0) as made:
        made.create_tables()
        yield made


def approval(number: int) -> dict[str, Any]:
    return {"id": f"a{number}", "run_id": "r", "session_id": "s", "source_type": "agent"}


def test_psycopg_runs_them_too(blocking: PostgresDb) -> None:
    heard: list[str] = []
    blocking.create_approval(approval(1))
    assert blocking.get_approval("a1") is not None
    compiled = blocking.db_engine.get_execution_options()[ON_DRIVER]._compiled
    assert {shape.name for shape, found in compiled.items() if found} >= {"approvals.insert", "approvals.find"}
    event.listen(blocking.db_engine, "before_cursor_execute", lambda *args: heard.append(args[2]))
    blocking.get_approval("a1")
    assert [text.split()[0] for text in heard] == ["SELECT"]


def test_a_connection_begins_transactions_again_after_whatever_came_of_a_statement(blocking: PostgresDb) -> None:
    for number in (1, 2):
        blocking.create_approval(approval(number))
        with pytest.raises(DuplicateKeyError):
            blocking.create_approval(approval(number))
        with pytest.raises(LookupError), blocking.transaction() as tx:  # on the one connection there is
            tx.create_approval(approval(9))
            raise LookupError
    assert blocking.get_approval("a9") is None


def test_an_interrupted_statement_leaves_no_connection_in_the_middle(
    blocking: PostgresDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = blocking.db_engine.get_execution_options()[ON_DRIVER]

    def interrupted(pooled: Any, text: str, values: Any) -> Any:
        pooled.driver_connection.pgconn.send_query(b"SELECT pg_sleep(0.2)")
        raise KeyboardInterrupt

    monkeypatch.setattr(direct, "fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        blocking.get_approval("a1")
    monkeypatch.undo()
    pool: Any = blocking.db_engine.pool
    assert pool.checkedout() == 0
    blocking.create_approval(approval(1))
    assert blocking.get_approval("a1") is not None


def test_a_connection_that_died_is_replaced(blocking: PostgresDb, postgres_url: str) -> None:
    for _ in range(2):
        blocking.get_approval("a1")
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agnodb'")
        with pytest.raises(UnavailableError):
            blocking.get_approval("a1")
    assert blocking.get_approval("a1") is None


# -- SQLite ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def file(sqlite_url: str) -> AsyncIterator[AsyncSqliteDb]:
    async with AsyncSqliteDb(db_url=sqlite_url, pool_size=1, retry_timeout=0) as made:
        await made.create_tables()
        yield made


async def test_a_statement_on_aiosqlite_is_one_wait_for_its_thread(
    file: AsyncSqliteDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    await file.memories.upsert(TEA)
    asked: list[str] = []
    ask = aiosqlite.Connection._execute

    async def counted(self: Any, work: Any, *args: Any, **named: Any) -> Any:
        asked.append(work.__name__)
        return await ask(self, work, *args, **named)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    await file.memories.get("m")
    await file.memories.upsert(TEA)
    assert asked == ["_execute_fetchall"] * 2


async def test_what_runs_after_a_transaction_on_its_connection_is_stored_at_once(
    file: AsyncSqliteDb, sqlite_url: str
) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as beside:
        for number in range(3):
            with pytest.raises(LookupError):
                async with file.transaction() as tx:
                    await tx.memories.upsert(replace(TEA, memory_id=f"never {number}"))
                    raise LookupError
            await file.memories.upsert(replace(TEA, memory_id=f"m{number}"))
            found = beside.execute("SELECT count(*) FROM agno_memories").fetchone()
            assert found == (number + 1,)


async def test_one_writes_to_a_file_at_a_time(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way = {"INSERT": 0, "SELECT": 0}
    most = dict(under_way)
    fetch = OnAiosqlite.fetch

    async def watched(self: OnAiosqlite, connection: Any, text: str, values: Any) -> Any:
        kind = text[:6]
        under_way[kind] += 1
        most[kind] = max(most[kind], under_way[kind])
        await asyncio.sleep(0.001)
        under_way[kind] -= 1
        return await fetch(self, connection, text, values)

    async with AsyncSqliteDb(db_url=sqlite_url) as db:
        await db.create_tables()
        await db.memories.upsert(TEA)
        monkeypatch.setattr(OnAiosqlite, "fetch", watched)
        saves = [db.memories.upsert(replace(TEA, memory_id=f"m{number}")) for number in range(8)]
        await asyncio.gather(*saves, *(db.memories.get("m") for _ in range(8)))
    assert most["INSERT"] == 1 < most["SELECT"]


@pytest.mark.parametrize(("lock_timeout", "turn"), [(0.01, 0.01), (None, 1.0), (5, 1.0)])
async def test_a_writer_waits_for_others_of_its_process_no_longer_than_for_others(
    tmp_path: Path, lock_timeout: float | None, turn: float
) -> None:
    given: dict[str, Any] = {} if lock_timeout is None else {"lock_timeout": lock_timeout}
    async with AsyncSqliteDb(str(tmp_path / "x.db"), **given) as db:
        await db.create_tables()
        writers = direct(db)
        assert isinstance(writers, OnAiosqlite)
        assert writers.turn == turn
        async with writers._writer:
            await db.memories.upsert(TEA)
        stored = await db.memories.get("m")
        assert stored is not None
        assert stored.memory == "tea"
        assert not writers._writer.locked()


def test_sqlite3_runs_them_too(sqlite_url: str) -> None:
    heard: list[str] = []
    with SqliteDb(db_url=sqlite_url, retry_timeout=0) as made:
        made.create_tables()
        made.create_approval(approval(1))
        with pytest.raises(DuplicateKeyError):
            made.create_approval(approval(1))
        compiled = made.db_engine.get_execution_options()[ON_DRIVER]._compiled
        assert {shape.name for shape, found in compiled.items() if found} >= {"approvals.insert"}
        event.listen(made.db_engine, "before_cursor_execute", lambda *args: heard.append(args[2]))
        assert made.get_approval("a1") is not None
        assert [text.split()[0] for text in heard] == ["SELECT"]
