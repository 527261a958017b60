"""Through a real PgBouncer in transaction mode: many callers on 4 server connections, nothing lost, nothing held."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from agnodb import (
    AsyncPostgresDb,
    ConfigurationError,
    PostgresDb,
    SchemaOutdatedError,
)
from agnodb.migrations.head import HEAD, REVISIONS
from agnodb.records.memories import MemoryRecord
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.testing.pgbouncer import POOL_SIZE, PgBouncer
from agnodb.testing.servers import PostgresAccess, ServerUnavailableError
from agnodb.testing.wire import CountingProxy

DRIVERS = ["postgresql+asyncpg", "postgresql+psycopg"]
CALLERS, ROUNDS = 16, 12


def with_driver(url: str, drivername: str) -> str:
    return url.replace("postgresql://", f"{drivername}://", 1)


@asynccontextmanager
async def opened(url: str, direct: str, drivername: str, **arguments: Any) -> AsyncIterator[AsyncPostgresDb]:
    pooled = {"pooler": "transaction", "migrations_url": direct, "pool_size": CALLERS, **arguments}
    async with AsyncPostgresDb(db_url=with_driver(url, drivername), **pooled) as database:
        await database.create_tables()
        yield database


def servers(pooler: PgBouncer, url: str) -> list[dict[str, Any]]:
    """PgBouncer's connections to the server for the database of `url`."""
    name = url.rpartition("/")[2]
    return [row for row in pooler.show("SERVERS") if row["database"] == name]


async def all_free(pooler: PgBouncer, url: str) -> bool:
    """Whether no client holds a server connection, or soon none does."""
    for _ in range(100):
        if all(row["state"] in ("idle", "used", "tested") for row in servers(pooler, url)):
            return True
        await asyncio.sleep(0.02)
    return False


async def statements_left(database: AsyncPostgresDb) -> int:
    """How many prepared statements the server connections keep, looked at all at once."""
    look = text("SELECT (SELECT count(*) FROM pg_prepared_statements WHERE name <> ''), pg_backend_pid()")
    everybody = asyncio.Barrier(POOL_SIZE)

    async def left() -> tuple[int, int]:
        async with database.db_engine.begin() as connection:
            count, pid = (await connection.execute(look)).one()
            await everybody.wait()
        return count, pid

    found = await asyncio.gather(*(left() for _ in range(POOL_SIZE)))
    assert len({pid for _, pid in found}) == POOL_SIZE
    return sum(count for count, _ in found)


def a_run(session: int, number: int) -> RunRecord:
    name = f"{session}-{number}"
    return RunRecord(run_id=name, session_id=f"s{session}", run_type="agent", run_data={"run_id": name})


# -- many callers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_sixteen_callers_on_four_server_connections(
    pgbouncer: PgBouncer, pgbouncer_url: str, postgres_url: str, drivername: str
) -> None:
    async with opened(pgbouncer_url, postgres_url, drivername) as database:

        async def call(caller: int) -> None:
            await database.sessions.upsert(SessionRecord(session_id=f"s{caller}", session_type="agent"))
            for number in range(ROUNDS):
                memory = MemoryRecord(memory_id=f"{caller}-{number}", memory=f"tea {number}")
                await database.memories.upsert(memory)
                stored = await database.memories.get(memory.memory_id)
                assert stored is not None
                assert stored.memory == memory.memory
                async with database.transaction() as tx:
                    await tx.runs.upsert(a_run(caller, number))
                    assert await tx.runs.get(f"{caller}-{number}") is not None
                with pytest.raises(LookupError):
                    async with database.transaction() as tx:
                        await tx.runs.upsert(a_run(caller, -number - 1))
                        raise LookupError

        await asyncio.gather(*map(call, range(CALLERS)))
        assert 1 <= len(servers(pgbouncer, pgbouncer_url)) <= POOL_SIZE
        assert await statements_left(database) == 0
        assert await all_free(pgbouncer, pgbouncer_url)
    with psycopg.connect(postgres_url) as direct:
        assert direct.execute("SELECT count(*) FROM ai.agno_memories").fetchone() == (CALLERS * ROUNDS,)
        assert direct.execute("SELECT count(*) FROM ai.agno_runs").fetchone() == (CALLERS * ROUNDS,)


def test_sixteen_threads_on_four_server_connections(
    pgbouncer: PgBouncer, pgbouncer_url: str, postgres_url: str
) -> None:
    with PostgresDb(
        db_url=pgbouncer_url, pooler="transaction", migrations_url=postgres_url, pool_size=CALLERS
    ) as database:
        start = threading.Barrier(CALLERS)

        def call(caller: int) -> None:
            start.wait()
            for number in range(ROUNDS):
                database.memories.upsert(MemoryRecord(memory_id=f"{caller}-{number}", memory="tea"))
                with database.transaction() as tx:
                    tx.memories.upsert(MemoryRecord(memory_id=f"{caller}-{number}", memory="milk"))

        with ThreadPoolExecutor(CALLERS) as threads:
            list(threads.map(call, range(CALLERS)))
        assert len(servers(pgbouncer, pgbouncer_url)) <= POOL_SIZE
    with psycopg.connect(postgres_url) as direct:
        counted = direct.execute("SELECT count(*) FROM ai.agno_memories WHERE memory::text LIKE '%milk%'")
        assert counted.fetchone() == (CALLERS * ROUNDS,)


@pytest.mark.parametrize(("drivername", "most"), [("postgresql+asyncpg", 2), ("postgresql+psycopg", 1)])
async def test_round_trips_of_a_call(
    pgbouncer: PgBouncer, pgbouncer_url: str, postgres_url: str, drivername: str, most: int
) -> None:
    memory = MemoryRecord(memory_id="m", memory="tea")
    with CountingProxy("127.0.0.1", pgbouncer.port) as proxy:
        async with opened(proxy.url(pgbouncer_url), postgres_url, drivername) as database:
            for _ in range(8):
                await database.memories.upsert(memory)
            for call in (lambda: database.memories.upsert(memory), lambda: database.memories.get("m")):
                with proxy.count() as wire:
                    await call()
                assert (wire.round_trips, wire.statements) == (most, 1)


# -- nothing is held ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_a_value_that_the_driver_refuses_holds_no_server_connection(
    pgbouncer: PgBouncer, pgbouncer_url: str, postgres_url: str, drivername: str
) -> None:
    """asyncpg finds out between two of its messages, with a server connection bound to it."""
    async with opened(pgbouncer_url, postgres_url, drivername) as database:
        engine = database.db_engine.execution_options(isolation_level="AUTOCOMMIT")

        async def call() -> None:
            async with engine.connect() as connection:
                with pytest.raises(DBAPIError):
                    await connection.execute(text("SELECT CAST(:number AS INTEGER)"), {"number": "seven"})

        await asyncio.gather(*(call() for _ in range(POOL_SIZE - 1)))
        assert await all_free(pgbouncer, pgbouncer_url)
        assert await database.memories.get("m") is None


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_cancelled_calls_hold_no_server_connection(
    pgbouncer: PgBouncer, pgbouncer_url: str, postgres_url: str, drivername: str
) -> None:
    async with opened(pgbouncer_url, postgres_url, drivername) as database:

        async def autocommit(number: int) -> None:
            await database.memories.upsert(MemoryRecord(memory_id=f"a{number}", memory="tea"))

        async def transaction(number: int) -> None:
            async with database.transaction() as tx:
                await tx.memories.upsert(MemoryRecord(memory_id=f"t{number}", memory="tea"))
                await tx.memories.get(f"t{number}")

        for number in range(30):
            for call in (autocommit, transaction):
                task = asyncio.create_task(call(number))
                await asyncio.sleep(number * 0.0002)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        assert await all_free(pgbouncer, pgbouncer_url)
        await asyncio.gather(*(autocommit(number) for number in range(CALLERS)))
    with psycopg.connect(postgres_url) as direct:
        found = direct.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
        assert found.fetchone() == (0,)


# -- migrations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_tables_are_made_past_the_pooler_or_not_at_all(
    pgbouncer_url: str, postgres_url: str, drivername: str
) -> None:
    url = with_driver(pgbouncer_url, drivername)
    async with AsyncPostgresDb(db_url=url, pooler="transaction") as database:
        with pytest.raises(ConfigurationError, match="migrations_url"):
            await database.get_schedules()
    async with AsyncPostgresDb(db_url=url, pooler="transaction", create_schema=False) as database:
        with pytest.raises(SchemaOutdatedError, match="agnodb upgrade"):
            await database.get_schedules()
    async with opened(pgbouncer_url, postgres_url, drivername) as database:
        assert await database.get_schedules() == ([], 0)
    async with AsyncPostgresDb(db_url=f"{url}?pgbouncer=true") as database:  # at head, nothing else is needed
        assert await database.get_schedules() == ([], 0)


def test_tables_are_made_past_the_pooler_by_a_sync_database(pgbouncer_url: str, postgres_url: str) -> None:
    without = PostgresDb(db_url=pgbouncer_url, pooler="transaction")
    with without, pytest.raises(ConfigurationError, match="migrations_url"):
        without.get_schedules()
    with PostgresDb(db_url=pgbouncer_url, pooler="transaction", migrations_url=postgres_url) as database:
        assert database.get_schedules() == ([], 0)


async def test_an_older_schema_is_seen_through_the_pooler(pgbouncer_url: str, postgres_url: str) -> None:
    async with opened(pgbouncer_url, postgres_url, DRIVERS[0]):
        pass
    older = next(revision for revision in REVISIONS if revision != HEAD)
    with psycopg.connect(postgres_url) as direct:
        direct.execute("UPDATE ai.agnodb_version SET revision = %s", [older])
    for arguments in ({}, {"migrations_url": postgres_url}):
        async with AsyncPostgresDb(db_url=pgbouncer_url, pooler="transaction", **arguments) as database:
            with pytest.raises(SchemaOutdatedError, match="agnodb upgrade"):
                await database.get_schedules()


async def test_several_servers_start_at_once_on_an_empty_database(pgbouncer_url: str, postgres_url: str) -> None:
    made = [
        AsyncPostgresDb(
            db_url=with_driver(pgbouncer_url, DRIVERS[n % 2]), pooler="transaction", migrations_url=postgres_url
        )
        for n in range(6)
    ]
    try:
        await asyncio.gather(
            *(database.memories.upsert(MemoryRecord(memory_id="m", memory="tea")) for database in made)
        )
    finally:
        for database in made:
            await database.close()


def test_migrations_must_go_past_the_pooler() -> None:
    pooler = "postgresql://u:p@h/db?pgbouncer=true"
    with pytest.raises(ConfigurationError, match="migrations_url"):
        AsyncPostgresDb(db_url=pooler, migrations_url=pooler)
    neon = "postgresql://u:p@ep-x-pooler.eu.aws.neon.tech/db"
    for made in (AsyncPostgresDb(db_url=neon), AsyncPostgresDb(db_url=neon, migrations_url=neon)):
        assert made.settings.direct is not None
    assert AsyncPostgresDb(db_url=neon, pooler="none").settings.direct is None


# -- what it refuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AsyncPostgresDb, PostgresDb])
@pytest.mark.parametrize("argument", ["statement_timeout", "lock_timeout"])
def test_timeouts_that_it_refuses_are_told_with_their_mend(kind: Any, argument: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ALTER ROLE .* SET {argument} = 1500$"):
        kind(db_url="postgresql://h/db", pooler="transaction", **{argument: 1.5})
    kind(db_url="postgresql://h/db?pgbouncer=true", pooler="none", **{argument: 1.5})


async def test_the_mend_works(pgbouncer: PgBouncer, pgbouncer_url: str, postgres_url: str) -> None:
    async with opened(pgbouncer_url, postgres_url, DRIVERS[0], application_name="shop", connect_timeout=5) as database:
        with psycopg.connect(postgres_url, autocommit=True) as direct:
            direct.execute(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET statement_timeout = 1500".encode())
        # A new server connection has it: let the pooler give up those it has.
        pgbouncer.tell("RECONNECT")
        async with database.db_engine.connect() as connection:
            names = ("statement_timeout", "application_name")
            shown = [(await connection.exec_driver_sql(f"SHOW {name}")).scalar() for name in names]
        assert shown == ["1500ms", "shop"]


# -- the tool -----------------------------------------------------------------------------------------------------


def test_where_it_is_missing_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ServerUnavailableError, match="apt-get install"):
        PgBouncer.start(PostgresAccess("postgresql://h/db"))


def test_one_that_does_not_start_says_why(postgres_server: PostgresAccess, pgbouncer: PgBouncer) -> None:
    began = time.monotonic()
    with pytest.raises(ServerUnavailableError, match="nonsense"):
        PgBouncer.start(postgres_server, pool_mode="nonsense")
    assert time.monotonic() - began < 10
