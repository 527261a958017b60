"""Many at once, and those who die in between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from migration_tools import (
    AGNO_TABLES,
    OWN_TABLES,
    TRIALS,
    Database,
    make_agno_tables,
    rows,
    sample_rows,
    shape,
    start_python,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.config import Layout, TableNames
from agnodb.errors import UnavailableError
from agnodb.migrations import operations, runner
from agnodb.migrations.boot import ensure_schema
from agnodb.migrations.head import HEAD
from agnodb.migrations.locks import migrating

PROCESSES = 16

# One line of the input is one trial: a URL and a schema. The processes of a trial start together, with everything
# that is slow to import there.
SERVERS = """
import asyncio, os, sys, traceback
import asyncpg, aiosqlite, agnodb.migrations.runner
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from agnodb.config import Layout
from agnodb.migrations.boot import ensure_schema

async def first_call(url, layout, number):
    engine = create_async_engine(url)
    table = f"{layout.schema}.agno_sessions" if layout.schema else "agno_sessions"
    await ensure_schema(engine, layout)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(
            text(f"INSERT INTO {table} (session_id, session_type, created_at) VALUES (:id, 'agent', 1)"),
            {"id": f"from {number}"},
        )
    await engine.dispose()

def child(url, layout, number):
    try:
        asyncio.run(first_call(url, layout, number))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

for line in sys.stdin:
    url, schema = line.split()
    layout = Layout(None if schema == "-" else schema)
    for number in range(int(sys.argv[1])):
        if os.fork() == 0:
            child(url, layout, number)
    failed = sum(os.wait()[1] != 0 for _ in range(int(sys.argv[1])))
    print(failed, flush=True)
    if failed:
        break
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[subprocess.Popen[str]]:
    """A process that starts sixteen servers on each database that is sent to it."""
    process = start_python(SERVERS, str(PROCESSES))
    yield process
    stop(process)


def stop(process: subprocess.Popen[str]) -> str:
    """Kill a process and all that it started; what it said on stderr."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[1]


def send(servers: subprocess.Popen[str], database: Database) -> None:
    assert servers.stdin is not None
    assert servers.stdout is not None
    url = database.engine().url.render_as_string(hide_password=False)
    servers.stdin.write(f"{url} {database.schema or '-'}\n")
    servers.stdin.flush()
    answered, _, _ = select.select([servers.stdout], [], [], 60)
    if not answered or servers.stdout.readline() != "0\n":
        pytest.fail(f"{'failed' if answered else 'no answer'}: {stop(servers)[-3000:]}")


async def test_sixteen_processes_on_one_empty_database(servers: subprocess.Popen[str], database: Database) -> None:
    for _ in range(TRIALS):
        database.empty()
        await asyncio.to_thread(send, servers, database)
        assert len(rows(database)["agno_sessions"]) == PROCESSES
        assert database.versions() == {"default": HEAD}
        await assert_at_head(database)


async def assert_at_head(database: Database, layout: Layout | None = None) -> None:
    engine = database.engine()
    assert await runner.check(engine, layout or database.layout) == []
    await engine.dispose()


@pytest.mark.parametrize("trial", range(TRIALS))
async def test_eight_databases_at_once_in_one_process(postgres: Database, tmp_path: Path, trial: int) -> None:
    """Two schemas, two files, two name sets in one schema, and two loops in threads of their own."""
    other_names = {argument: f"b_{concept}" for argument, concept in TableNames.arguments().items()}
    files = [Database(f"sqlite:///{tmp_path / name}") for name in ("a.db", "b.db", "c.db")]
    chosen = [
        (postgres, Layout("one")),
        (postgres, Layout("two")),
        (files[0], Layout()),
        (files[1], Layout()),
        (postgres, Layout("three")),
        (postgres, Layout("three", TableNames.from_arguments(other_names))),
        (postgres, Layout("four")),
        (files[2], Layout()),
    ]
    failures: list[BaseException] = []

    async def boot(database: Database, layout: Layout) -> None:
        engine = database.engine()
        await ensure_schema(engine, layout)
        await engine.dispose()

    def own_loop(database: Database, layout: Layout) -> None:
        try:
            asyncio.run(boot(database, layout))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=own_loop, args=pair) for pair in chosen[6:]]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(boot(*pair) for pair in chosen[:6]))
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert failures == []
    for database, layout in chosen:
        await assert_at_head(database, layout)
    for schema in ("one", "two", "four"):
        assert set(shape(postgres, schema)) == {*AGNO_TABLES, *OWN_TABLES, "agnodb_version"}
    own = {name for _, layout in chosen if layout.schema == "three" for name in layout.names.own().values()}
    assert set(shape(postgres, "three")) == {*AGNO_TABLES, *other_names.values(), *own, "agnodb_version"}
    for file in files:
        assert set(shape(file)) == {*AGNO_TABLES, *OWN_TABLES, "agnodb_version"}


async def test_twenty_tasks_on_one_engine(database: Database, engine: AsyncEngine) -> None:
    await asyncio.gather(*(ensure_schema(engine, database.layout) for _ in range(20)))
    await assert_at_head(database)


async def test_does_not_wait_for_ever(database: Database, engine: AsyncEngine) -> None:
    holder = database.engine()
    async with migrating(holder, database.layout):
        with pytest.raises(UnavailableError, match="upgrading"):
            await runner.upgrade(short_of_patience(engine), database.layout, wait=0.2)
    await runner.upgrade(engine, database.layout, wait=0.2)
    await holder.dispose()


def short_of_patience(engine: AsyncEngine) -> AsyncEngine:
    """SQLite's own waiting is by the statement, and longer than a test wants to wait."""
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine.sync_engine, "connect")
        def patience(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 50")
            cursor.close()

    return engine


async def test_a_cancelled_upgrade_leaves_no_lock(database: Database, engine: AsyncEngine) -> None:
    started = asyncio.Event()
    task = asyncio.create_task(runner.upgrade(engine, database.layout, progress=lambda _: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await runner.upgrade(engine, database.layout, wait=5)
    await assert_at_head(database)


@asynccontextmanager
async def table_in_use(database: Database) -> AsyncIterator[None]:
    engine = database.engine()
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"LOCK TABLE {database.name('agno_sessions')} IN SHARE MODE")
        yield
    await engine.dispose()


async def test_a_table_in_use_is_asked_for_again_and_again(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LOCK_TIMEOUT", "100ms")
    engine = postgres.engine()
    await runner.upgrade(engine, postgres.layout, "0001")
    async with table_in_use(postgres):
        with pytest.raises(UnavailableError) as raised:
            await runner.upgrade(engine, postgres.layout, wait=0)
        assert raised.value.facts["sqlstate"] == "55P03"
        patient = asyncio.create_task(runner.upgrade(engine, postgres.layout))
        await asyncio.sleep(0.5)
        assert not patient.done()
    await patient
    await assert_at_head(postgres)
    await engine.dispose()


async def test_indexes_do_not_block_writers(postgres: Database) -> None:
    """While a writer's transaction is open, an upgrade waits, and other writers do not."""
    engine, application = postgres.engine(), postgres.engine()
    await make_agno_tables(postgres)
    sample_rows(postgres)
    insert = "UPDATE ai.agno_traces SET name = '{0}'"
    lines: list[str] = []
    async with application.begin() as writer:
        await writer.exec_driver_sql(insert.format("first"))
        upgrading = asyncio.create_task(runner.upgrade(engine, postgres.layout, progress=lines.append))
        while not any("idx_agno_traces" in line for line in lines):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert not upgrading.done()
        async with application.begin() as second:
            await second.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
            await second.exec_driver_sql(
                "INSERT INTO ai.agno_traces (trace_id, name, status, start_time, end_time, duration_ms, created_at)"
                " VALUES ('new', 'n', 'OK', '1', '2', 1, '1')"
            )
    await upgrading
    assert len(rows(postgres)["agno_traces"]) == 2
    await assert_at_head(postgres)
    await engine.dispose()
    await application.dispose()


async def test_an_invalid_index_is_built_again(postgres: Database) -> None:
    engine = postgres.engine()
    await runner.upgrade(engine, postgres.layout)
    sample_rows(postgres)
    postgres.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ai.idx_agno_sessions_changed'::regclass"
    )
    assert await runner.check(engine, postgres.layout) == ["add_index idx_agno_sessions_changed on agno_sessions"]
    await runner.stamp(engine, postgres.layout, "0001")
    await runner.upgrade(engine, postgres.layout)
    await assert_at_head(postgres)
    await engine.dispose()


MIGRATOR = """
import asyncio, sys, time
from sqlalchemy.ext.asyncio import create_async_engine
from agnodb.config import Layout
from agnodb.migrations.runner import upgrade

def slowly(line):
    print(line, flush=True)
    time.sleep(float(sys.argv[3]))

schema = None if sys.argv[2] == "-" else sys.argv[2]
asyncio.run(upgrade(create_async_engine(sys.argv[1]), Layout(schema), progress=slowly))
"""


@pytest.mark.parametrize("by_agno", [False, True], ids=["empty", "agno's"])
async def test_a_killed_migrator_is_taken_over(database: Database, by_agno: bool) -> None:
    if by_agno:
        await make_agno_tables(database)
        sample_rows(database)
    kept = rows(database)
    url = database.engine().url.render_as_string(hide_password=False)
    # Killed at the second revision, and (PostgreSQL, where there are rows) between indexes.
    for lines in (2, 4) if by_agno and database.is_postgres else (2,):
        process = start_python(MIGRATOR, url, database.schema or "-", "0.2")
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        await asyncio.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert rows(database) == kept
        # In an empty database all of it is one transaction; on SQLite always.
        if not (by_agno and database.is_postgres):
            assert "agnodb_version" not in shape(database)
    engine = database.engine()
    await runner.upgrade(engine, database.layout, wait=10)
    assert rows(database).items() >= {k: v for k, v in kept.items() if k != "agno_schema_versions"}.items()
    await assert_at_head(database)
    await engine.dispose()
