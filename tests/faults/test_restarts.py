"""Connections die: no idempotent call fails, others at most once per connection, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
from breaking import DRIVERS, Server, database, evaluation, memory

from agnodb import AsyncPostgresDb, PostgresDb
from agnodb.errors import UnavailableError
from agnodb.testing.servers import PostgresServer
from agnodb.testing.wire import CountingProxy

CALLERS = 6


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Durable: what was acknowledged must be there after a crash."""
    with PostgresServer.start(durable=True) as started:
        yield started


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    yield server.create_database("faults")
    server.drop_database("faults")


async def fill_the_pool(db: AsyncPostgresDb) -> None:
    await db.create_tables()
    await asyncio.gather(*(db.memories.upsert(memory(n)) for n in range(CALLERS)))


class Traffic:
    """Callers who write and read until they are stopped; who inserts, notes what was acknowledged and what failed."""

    def __init__(self, db: AsyncPostgresDb) -> None:
        self.db = db
        self.idempotent, self.acknowledged, self.failed = 0, list[str](), list[str]()
        self._stopped = False

    async def during(self, disaster: Callable[[], Awaitable[object]]) -> None:
        callers = [asyncio.create_task(self._idempotent(n)) for n in range(CALLERS // 2)]
        callers += [asyncio.create_task(self._inserting(n)) for n in range(CALLERS // 2)]
        await disaster()
        self._stopped = True
        await asyncio.gather(*callers)  # an idempotent call that failed raises here

    async def _idempotent(self, caller: int) -> None:
        turn = 0
        while not self._stopped:
            turn += 1
            await self.db.memories.upsert(memory(caller, f"turn {turn}"))
            found = await self.db.memories.get(f"m{caller}")
            assert found is not None
            assert found.memory == f"turn {turn}"
            self.idempotent += 2

    async def _inserting(self, caller: int) -> None:
        turn = 0
        while not self._stopped:
            turn += 1
            name = f"{caller}-{turn}"
            try:
                await self.db.eval_runs.create(evaluation(name))
                self.acknowledged.append(name)
            except UnavailableError:
                self.failed.append(name)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_backends_killed_between_calls(url: str, driver: str) -> None:
    failed = 0
    async with database(url, driver) as db:
        await fill_the_pool(db)
        for round in range(4):
            killed = Server(url).kill_connections()
            assert killed > 1
            if round % 2:
                await db.memories.get("m1")
                await db.memories.upsert(memory(1))
                continue
            for n in range(killed + 2):
                try:
                    await db.eval_runs.create(evaluation(f"{round}-{n}"))
                except UnavailableError:
                    failed += 1
            await fill_the_pool(db)
    assert failed <= 2  # the first of each round has the whole pool thrown away


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_transaction_does_not_fail_over_a_connection_that_died_in_the_pool(url: str, driver: str) -> None:
    async with database(url, driver) as db:
        await fill_the_pool(db)
        Server(url).kill_connections()
        async with db.transaction() as tx:
            await tx.eval_runs.create(evaluation("first"))
            await tx.memories.upsert(memory(1, "changed"))
        stored = await db.memories.get("m1")
        assert stored is not None
        assert stored.memory == "changed"
        with pytest.raises(UnavailableError):
            async with db.transaction() as tx:
                await tx.eval_runs.create(evaluation("second"))
                await asyncio.to_thread(Server(url).kill_connections)
                await tx.memories.upsert(memory(1, "lost"))
        assert Server(url).ids("agno_eval_runs", "run_id") == {"first"}


@pytest.mark.parametrize("driver", DRIVERS)
async def test_backends_killed_during_calls(url: str, driver: str) -> None:
    kills = 0

    async def kill_often() -> None:
        nonlocal kills
        for _ in range(8):
            await asyncio.sleep(0.15)
            kills += await asyncio.to_thread(Server(url).kill_connections)

    async with database(url, driver) as db:
        await fill_the_pool(db)
        traffic = Traffic(db)
        await traffic.during(kill_often)
        await fill_the_pool(db)
    assert traffic.idempotent > 20
    assert traffic.acknowledged
    assert len(traffic.failed) <= kills
    assert set(traffic.acknowledged) <= Server(url).ids("agno_eval_runs", "run_id")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("how", ["stopped", "crashed"])
async def test_the_server_restarts_during_calls(server: PostgresServer, url: str, driver: str, how: str) -> None:
    def restart() -> None:
        if how == "crashed":
            server.kill()
        else:
            server._shut_down()
        time.sleep(0.3)
        server.restart()

    async def disaster() -> None:
        await asyncio.sleep(0.3)
        await asyncio.to_thread(restart)
        await asyncio.sleep(0.3)

    async with database(url, driver) as db:
        await fill_the_pool(db)
        traffic = Traffic(db)
        await traffic.during(disaster)
        assert db.db_engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert traffic.idempotent > 10
    assert len(traffic.failed) <= CALLERS // 2  # one for each connection that was in use
    assert set(traffic.acknowledged) <= Server(url).ids("agno_eval_runs", "run_id")


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_firewall_cuts_idle_connections(server: PostgresServer, url: str, driver: str) -> None:
    with CountingProxy(server.host, server.port) as proxy:
        async with database(proxy.url(url), driver) as db:
            await fill_the_pool(db)
            for _ in range(3):
                proxy.cut()
                await asyncio.gather(*(db.memories.upsert(memory(n, "again")) for n in range(CALLERS)))
            proxy.cut()
            failed = 0
            for n in range(CALLERS):
                try:
                    await db.eval_runs.create(evaluation(n))
                except UnavailableError:
                    failed += 1
            assert failed <= 1


async def test_no_ping(server: PostgresServer, url: str) -> None:
    with CountingProxy(server.host, server.port) as proxy:
        async with database(proxy.url(url), "asyncpg") as db:
            await db.create_tables()
            for _ in range(2):
                await db.memories.get("m1")
            with proxy.count() as wire:
                await db.memories.get("m1")
            assert wire.round_trips == 1


def test_sync_calls_outlive_a_restart_too(server: PostgresServer, url: str) -> None:
    with PostgresDb(db_url=url) as db:
        db.create_tables()
        for n in range(3):
            db.memories.upsert(memory(n))
        Server(url).kill_connections()
        assert db.memories.get("m1") is not None
        back = threading.Timer(0.7, server.restart)
        server._shut_down()
        back.start()
        db.memories.upsert(memory(1, "while it was down"))
        back.join()
        Server(url).kill_connections()
        failed = 0
        for n in range(5):
            try:
                db.eval_runs.create(evaluation(n))
            except UnavailableError:
                failed += 1
        assert failed <= 1
        Server(url).kill_connections()
        with db.transaction() as tx:
            tx.eval_runs.create(evaluation("in a transaction"))
        assert len(Server(url).ids("agno_eval_runs", "run_id")) == 6 - failed


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_server_that_stays_away(server: PostgresServer, url: str, driver: str) -> None:
    async with database(url, driver, retry_timeout=1.0) as db:
        await fill_the_pool(db)
        server._shut_down()
        try:
            for call in (lambda: db.memories.get("m1"), lambda: db.eval_runs.create(evaluation("x"))):
                began = time.monotonic()
                with pytest.raises(UnavailableError) as raised:
                    await call()
                    await call()  # an insert on a connection that had died fails at once, and then tries to connect
                assert time.monotonic() - began < 4
                assert "127.0.0.1" not in str(raised.value)
            began = time.monotonic()
            for _ in range(20):  # nobody else waits for what is known to be down
                with pytest.raises(UnavailableError):
                    await db.memories.get("m1")
            assert time.monotonic() - began < 1
            health = await db.health()
            assert (health.ok, health.error) == (False, "UnavailableError")
            assert "127.0.0.1" not in repr(health)
        finally:
            server.restart()
        assert await db.memories.get("m1") is not None
        health = await db.health()
        assert health.ok
        assert health.at_head
        assert health.latency_ms is not None
        assert health.server_version is not None
        assert health.server_version.startswith("18")
        assert health.pool_checked_out == 0
        assert health.pool_size == 15


async def test_no_room_for_a_connection_is_waited_for(server: PostgresServer, url: str) -> None:
    import psycopg

    async with database(url, "asyncpg") as db:
        await db.create_tables()
        await db.close()
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("ALTER DATABASE faults CONNECTION LIMIT 0")
        admin.execute("CREATE ROLE caller LOGIN")
        admin.execute("ALTER DATABASE faults OWNER TO caller")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("GRANT ALL ON SCHEMA ai TO caller")
        admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA ai TO caller")

    def make_room() -> None:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("ALTER DATABASE faults CONNECTION LIMIT 5")

    room = threading.Timer(0.5, make_room)
    room.start()
    async with database(url.replace("postgres@", "caller@"), "asyncpg") as db:
        await db.eval_runs.create(evaluation("patient"))
    room.join()
    assert Server(url).ids("agno_eval_runs", "run_id") == {"patient"}
