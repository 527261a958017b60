"""What a constructor is told about connections holds on the server, and costs no round trip of a call."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from agnodb import AsyncPostgresDb, AsyncSqliteDb, ConfigurationError, PostgresDb, SqliteDb, UnavailableError
from agnodb.drivers import POOL_SIZE, Connecting, keepalive_seconds
from agnodb.records.memories import MemoryRecord
from agnodb.testing.servers import PostgresAccess
from agnodb.testing.wire import CountingProxy
from agnodb.urls import async_url

DRIVERS = ["postgresql+asyncpg", "postgresql+psycopg"]
EVERYTHING: dict[str, Any] = {
    "pool_size": 3,
    "pool_timeout": 5,
    "connect_timeout": 5,
    "statement_timeout": 1.5,
    "lock_timeout": 0.25,
    "application_name": "shop agents",
    "keepalives": 20,
}


def with_driver(url: str, drivername: str) -> str:
    return url.replace("postgresql://", f"{drivername}://", 1)


async def setting(database: AsyncPostgresDb, name: str) -> str:
    async with database.async_session_factory() as session:
        return str(await session.scalar(text(f"SHOW {name}")))


@asynccontextmanager
async def opened(url: str, drivername: str, **arguments: Any) -> AsyncIterator[AsyncPostgresDb]:
    async with AsyncPostgresDb(db_url=with_driver(url, drivername), **arguments) as database:
        await database.create_tables()
        yield database


# -- the server's settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_the_server_knows_them(postgres_url: str, drivername: str) -> None:
    async with opened(postgres_url, drivername, **EVERYTHING) as database:
        assert await setting(database, "statement_timeout") == "1500ms"
        assert await setting(database, "lock_timeout") == "250ms"
        assert await setting(database, "application_name") == "shop agents"
    async with opened(postgres_url, drivername) as database:
        assert await setting(database, "statement_timeout") == "0"
        assert await setting(database, "application_name") == "agnodb"


def test_the_server_knows_them_of_a_sync_database(postgres_url: str) -> None:
    url = f"{postgres_url}?options=-c%20work_mem%3D8MB&application_name=other"
    with PostgresDb(db_url=url, **EVERYTHING) as database, database.Session() as session:
        names = ("statement_timeout", "lock_timeout", "work_mem", "application_name")
        found = [session.scalar(text(f"SHOW {name}")) for name in names]
        assert found == ["1500ms", "250ms", "8MB", "shop agents"]


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_no_call_has_a_round_trip_more(
    postgres_server: PostgresAccess, postgres_url: str, drivername: str
) -> None:
    with CountingProxy(postgres_server.host, postgres_server.port) as proxy:
        async with opened(proxy.url(postgres_url), drivername, **EVERYTHING) as database:
            for _ in range(8):  # psycopg prepares a statement when it has run five times
                await database.get_schedules(limit=1)
            with proxy.count() as wire:
                await database.get_schedules(limit=1)
            assert (wire.round_trips, wire.statements) == (1, 1)


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_a_statement_and_its_wait_for_a_lock_end_in_time(postgres_url: str, drivername: str) -> None:
    async with opened(postgres_url, drivername, lock_timeout=0.3, retry_timeout=0) as database:
        await database.memories.upsert(MemoryRecord(memory_id="m", memory="tea"))
        with psycopg.connect(postgres_url) as other:
            other.execute("SELECT 1 FROM ai.agno_memories FOR UPDATE")
            began = time.monotonic()
            with pytest.raises(UnavailableError) as caught:
                await database.memories.upsert(MemoryRecord(memory_id="m", memory="milk"))
        assert caught.value.facts == {"sqlstate": "55P03"}
        assert 0.2 < time.monotonic() - began < 5
    async with opened(postgres_url, drivername, statement_timeout=0.3, retry_timeout=0) as database:
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK ai.agno_memories")
            with pytest.raises(UnavailableError) as caught:
                await database.memories.get("m")
        assert caught.value.facts == {"sqlstate": "57014"}


# -- the pool -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_a_pool_has_its_size_and_a_call_waits_its_time(postgres_url: str, drivername: str) -> None:
    async with opened(postgres_url, drivername, pool_size=2, pool_timeout=0.3, retry_timeout=0) as database:

        async def hold(until: asyncio.Event) -> None:
            async with database.transaction() as tx:
                await tx.memories.get("m")
                await until.wait()

        done = asyncio.Event()
        holders = [asyncio.create_task(hold(done)) for _ in range(2)]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            await database.memories.get("m")
        assert 0.2 < time.monotonic() - began < 5
        with psycopg.connect(postgres_url) as other:
            counted = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'agnodb'"
            assert other.execute(counted).fetchone() == (2,)
        done.set()
        await asyncio.gather(*holders)
        assert await database.memories.get("m") is None


def test_pools_have_their_default_size(tmp_path: Path) -> None:
    def size(database: Any) -> tuple[int, int]:
        return database.db_engine.pool.size(), database.db_engine.pool._max_overflow

    url = "postgresql://h/db"
    file = str(tmp_path / "x.db")
    for made in (AsyncPostgresDb(db_url=url), PostgresDb(db_url=url), AsyncSqliteDb(file), SqliteDb(file)):
        assert size(made) == (POOL_SIZE, 0)
    for made in (PostgresDb(db_url=url, pool_size=4), SqliteDb(file, pool_size=4)):
        assert size(made) == (4, 0)


# -- the network --------------------------------------------------------------------------------------------------


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port where connections are taken, and nobody ever says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("drivername", DRIVERS)
async def test_a_silent_server_is_given_up_in_time(mute_port: int, drivername: str) -> None:
    url = f"{drivername}://u:p@127.0.0.1:{mute_port}/db?sslmode=disable"
    async with AsyncPostgresDb(db_url=url, connect_timeout=2, retry_timeout=0) as database:
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            await database.get_schedules()
        assert 1 < time.monotonic() - began < 10


def test_a_silent_server_is_given_up_in_time_by_a_sync_database(mute_port: int) -> None:
    url = f"postgresql://u:p@127.0.0.1:{mute_port}/db?sslmode=disable&connect_timeout=2"
    with PostgresDb(db_url=url, retry_timeout=0) as database:
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            database.get_schedules()
        assert 1 < time.monotonic() - began < 10


async def probes_of(url: str, drivername: str, **arguments: Any) -> tuple[int, int, int, int]:
    """SO_KEEPALIVE, and the three numbers of TCP, of a connection as it is."""
    async with opened(url, drivername, **arguments) as database, database.db_engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        number = raw.pgconn.socket if hasattr(raw, "pgconn") else raw._transport.get_extra_info("socket").fileno()
        with socket.socket(fileno=socket.dup(number)) as found:
            keepalive = found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            idle, interval, count = (found.getsockopt(socket.IPPROTO_TCP, name) for name in names)
    return keepalive, idle, interval, count


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system has other names for it")
@pytest.mark.parametrize("drivername", DRIVERS)
async def test_the_network_is_probed(postgres_url: str, drivername: str) -> None:
    assert await probes_of(postgres_url, drivername) == (1, 30, 10, 3)
    assert await probes_of(postgres_url, drivername, keepalives=7) == (1, 7, 10, 3)
    assert await probes_of(f"{postgres_url}?keepalives_idle=8&keepalives_count=5", drivername) == (1, 8, 10, 5)
    assert (await probes_of(postgres_url, drivername, keepalives=0))[0] == 0
    assert (await probes_of(f"{postgres_url}?keepalives=0", drivername))[0] == 0


# -- SQLite -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.4, 2.5])
async def test_a_call_waits_its_time_for_sqlites_other_writer(tmp_path: Path, seconds: float) -> None:
    file = str(tmp_path / "x.db")
    async with AsyncSqliteDb(file, lock_timeout=seconds) as database:
        await database.create_tables()
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            with pytest.raises(UnavailableError):
                await database.memories.upsert(MemoryRecord(memory_id="m", memory="tea"))
            assert seconds * 0.8 < time.monotonic() - began < seconds + 4
            other.execute("ROLLBACK")
        await database.memories.upsert(MemoryRecord(memory_id="m", memory="tea"))


def test_sixteen_threads_write_to_one_sqlite_file(tmp_path: Path) -> None:
    with SqliteDb(str(tmp_path / "x.db"), pool_size=16) as database:
        start = threading.Barrier(16)

        def write(caller: int) -> None:
            start.wait()
            for number in range(5):
                database.memories.upsert(MemoryRecord(memory_id=f"{caller}-{number}", memory="tea"))

        with ThreadPoolExecutor(16) as threads:
            list(threads.map(write, range(16)))
        assert len(database.get_user_memories()) == 80


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("pooler", "session"), ("pool_size", 0), ("pool_size", -1), ("pool_size", 1.5), ("pool_size", "5"),
        ("pool_timeout", -1), ("connect_timeout", 0), ("statement_timeout", float("nan")), ("lock_timeout", "5s"),
        ("statement_timeout", float("inf")), ("keepalives", -1), ("retry_timeout", -1),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused(argument: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=argument):
        AsyncPostgresDb(db_url="postgresql://h/db", **{argument: value})


async def test_an_engine_of_ones_own_has_its_own_arguments(postgres_url: str) -> None:
    engine = create_async_engine(make_url(postgres_url).set(drivername="postgresql+asyncpg"))
    with pytest.raises(ConfigurationError, match="pool_size"):
        AsyncPostgresDb(db_engine=engine, pool_size=5)
    await AsyncPostgresDb(db_engine=engine, retry_timeout=1, migrations_url=postgres_url).create_tables()
    await engine.dispose()
    with pytest.raises(ConfigurationError, match="lock_timeout"):
        SqliteDb(db_engine=create_engine("sqlite://"), lock_timeout=5)


@pytest.mark.parametrize("kind", [AsyncPostgresDb, PostgresDb])
def test_what_was_given_survives_a_dictionary_and_what_was_not_is_left_out(kind: Any) -> None:
    made = kind(db_url="postgresql://h/db", **EVERYTHING)
    assert EVERYTHING.items() <= made.to_dict().items()
    assert kind.from_dict(made.to_dict()).to_dict() == made.to_dict()
    assert not kind(db_url="postgresql://h/db").to_dict().keys() & Connecting.names()


def test_an_argument_goes_before_the_url() -> None:
    url = async_url("postgresql://h/db?keepalives=0&keepalives_idle=5")
    assert keepalive_seconds(url) is None
    assert keepalive_seconds(url, Connecting(keepalives=9)) == (9, 10, 3)
