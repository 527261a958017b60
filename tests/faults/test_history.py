"""kill -9 under load: every acknowledged write is there, none twice, nothing by halves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from breaking import database

from agnodb import AsyncSqliteDb, PostgresDb, SqliteDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.history import ACKNOWLEDGED, FAILED, UNKNOWN, History, Operation, check
from agnodb.testing.servers import PostgresServer
from agnodb.testing.writers import EVERYTHING, Job, Writer, halves, prepare, processes, stored

WRITERS = 2
"""On each of the three database objects."""
BACKENDS_KILLED, AWAY_SECONDS = 3, 5


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Durable: what was acknowledged must be there after a crash."""
    with PostgresServer.start(durable=True) as started:
        yield started


async def until(true: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `true` returns, when that is true."""
    for _ in range(round(seconds / 0.02)):
        if found := true():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Load:
    """Writers who go on until the block ends, on several database objects. One whose idempotent call fails ends it."""

    def __init__(self, databases: list[Any]) -> None:
        self.history = History()
        names = [(db, f"w{d}.{n}") for d, db in enumerate(databases) for n in range(WRITERS)]
        self.writers = [Writer(db, self.history, name) for db, name in names]
        self._stopped = False

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for writer in self.writers:
                group.create_task(self._write(writer))
            yield
            self._stopped = True

    async def _write(self, writer: Writer) -> None:
        number = 0
        while not self._stopped:
            await writer.turn(number, EVERYTHING)
            number += 1

    def acknowledged(self) -> int:
        return sum(operation.outcome == ACKNOWLEDGED for operation in self.history.operations)

    async def more(self) -> None:
        """Wait until writes are acknowledged again."""
        so_far = self.acknowledged()
        await until(lambda: self.acknowledged() > so_far + 100)


def kill_backends(url: str) -> int:
    """Kill the processes of a server that serve the other connections to a database; how many there were."""
    others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as admin:
            pids = [pid for (pid,) in admin.execute(f"SELECT pid FROM pg_stat_activity WHERE {others}").fetchall()]
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):  # the server ends the others when it sees the first
                    os.kill(pid, signal.SIGKILL)
            return len(pids)
    except psycopg.OperationalError:  # still recovering from the last time
        return 0


def unknown(operations: list[Operation]) -> int:
    """How many calls nobody knows the end of: changes that were begun together are one."""
    return len({operation.began for operation in operations if operation.outcome == UNKNOWN})


async def test_kill_9_of_the_backends_and_of_the_server(server: PostgresServer) -> None:
    url = server.create_database("history")
    async with contextlib.AsyncExitStack() as stack:
        databases: list[Any] = [database(url, "asyncpg"), database(url, "psycopg"), AsyncFacade(PostgresDb(db_url=url))]
        for db in databases:
            await stack.enter_async_context(db)
        await prepare(databases[0], schedules=20)
        load = Load(databases)
        async with load.going_on():
            for _ in range(BACKENDS_KILLED):
                await load.more()
                await until(lambda: kill_backends(url))
            await load.more()
            server.kill()
            await asyncio.sleep(AWAY_SECONDS)
            await asyncio.to_thread(server.restart)
            await load.more()
        found, operations = await stored(databases[2]), load.history.operations
        assert check(operations, found) == []
        assert halves(found) == set()
        assert {o.outcome for o in operations if o.kind != "claim"} <= {ACKNOWLEDGED, UNKNOWN}
        # At most the one call that each writer had under way.
        assert unknown(operations) <= len(load.writers) * (BACKENDS_KILLED + 1)
        for db in databases:
            assert db.db_engine.pool.checkedout() == 0


@pytest.mark.parametrize("kind", [AsyncSqliteDb, SqliteDb])
async def test_kill_9_of_a_process_that_writes_to_a_file(sqlite_url: str, tmp_path: Path, kind: Any) -> None:
    db = AsyncFacade(SqliteDb(db_url=sqlite_url)) if kind is SqliteDb else AsyncSqliteDb(db_url=sqlite_url)
    async with db:
        await prepare(db, schedules=20)
        job = Job.on(db, tmp_path, processes=3, writers=3, rounds=8, lingering=30.0)

        def lingering() -> list[Operation]:
            return [operation for operation in job.operations() if operation.place == "lingering"]

        async with processes(job) as (pids, started):
            await until(lingering)  # it has the write lock, and half of its transaction is written
            os.kill(pids[0], signal.SIGKILL)
            before = len(job.operations())
            await until(lambda: len(job.operations()) > before + 20)
            os.kill(pids[1], signal.SIGKILL)
            assert await started.wait() == 0
        operations, found = job.operations(), await stored(db)
    assert check(operations, found) == []
    assert halves(found) == set()
    # The transaction that was not ended is not there.
    (began,) = {operation.began for operation in lingering()}
    half = [o for o in operations if o.kind == "insert" and "-t" in o.value and o.value.startswith("w0.")]
    assert [o.value for o in half if o.began < began and o.outcome == UNKNOWN]
    assert not {o.value for o in half} & {*found.rows["evals"]}
    survivor = [operation for operation in operations if str(operation.value).startswith("w2.")]
    assert len(survivor) > 3 * 8 * 3
    assert {o.outcome for o in survivor if o.outcome != FAILED} == {ACKNOWLEDGED}
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
