"""What a database promises, in Valkey: with an event loop and without one, and in a cluster."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from agnodb import AsyncRedisDb, RedisDb
from agnodb.errors import ConfigurationError, StorageError
from agnodb.filters import Page
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import DocumentConformance, SharedDocumentConformance
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.valkey_server import ValkeyServer


def emptied(url: str) -> Iterator[str]:
    prefix = f"agnodb-test-{uuid.uuid4().hex[:12]}"
    yield prefix
    with Redis.from_url(url) as client:
        for key in client.scan_iter(f"{{{prefix}}}*", count=1000):
            client.delete(key)


@pytest.fixture
def prefix(redis_server: str) -> Iterator[str]:
    """The keys of one test."""
    yield from emptied(redis_server)


@pytest.fixture
def tagged(redis_cluster: str) -> Iterator[str]:
    """The keys of one test in the cluster."""
    yield from emptied(redis_cluster.replace("+cluster", ""))


class TestRedis(SharedDocumentConformance):
    @pytest_asyncio.fixture
    async def make_db(self, redis_server: str, prefix: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncRedisDb] = []

        async def make() -> AsyncRedisDb:
            opened.append(AsyncRedisDb(db_url=redis_server, db_prefix=prefix))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestRedisWithoutLoop(SharedDocumentConformance):
    @pytest_asyncio.fixture
    async def make_db(self, redis_server: str, prefix: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncFacade] = []

        async def make() -> AsyncFacade:
            opened.append(AsyncFacade(RedisDb(db_url=redis_server, db_prefix=prefix)))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestRedisCluster(DocumentConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, redis_cluster: str, tagged: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncRedisDb] = []

        async def make() -> AsyncRedisDb:
            opened.append(AsyncRedisDb(db_url=redis_cluster, db_prefix=tagged))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class Counted:
    """A client that counts what it sends."""

    def __init__(self, client: Any) -> None:
        self._client, self.commands = client, 0
        self.connection_pool = client.connection_pool

    def execute_command(self, *words: Any) -> Any:
        self.commands += 1
        return self._client.execute_command(*words)

    async def by(self, call: Awaitable[Any]) -> int:
        """The number of commands of a call."""
        before = self.commands
        await call
        return self.commands - before


@pytest_asyncio.fixture
async def client(redis_server: str) -> AsyncIterator[AsyncRedis]:
    async with AsyncRedis.from_url(redis_server) as opened:
        yield opened


class TestOnlyInRedis:
    """What holds of Redis beside the promises of all."""

    @pytest.mark.parametrize("sessions", [10, 1_000, 10_000])
    async def test_commands_do_not_grow_with_what_is_stored(
        self, client: AsyncRedis, prefix: str, sessions: int
    ) -> None:
        counted = Counted(client)
        database = AsyncRedisDb(redis_client=counted, db_prefix=prefix)
        for begin in range(0, sessions, 50):
            numbers = range(begin, min(begin + 50, sessions))
            await asyncio.gather(*(database.sessions.upsert(a_session(f"s{n:05}", created_at=n)) for n in numbers))
        session, run = await database.sessions.get("s00000"), a_run("r", session_id="s00000")
        assert session is not None
        await database.runs.upsert(run)
        await database.sessions.page(Page(limit=5))
        assert await counted.by(database.sessions.upsert(session)) == 1
        assert await counted.by(database.runs.upsert(run)) == 1
        assert await counted.by(database.sessions.page(Page(limit=5, page=2))) == 2
        assert await counted.by(database.sessions.page(Page(limit=5), user_id="alice", session_type="agent")) == 2
        assert await counted.by(database.sessions.page(Page(limit=20), with_runs=True)) == (2 if sessions == 10 else 3)
        await database.get_session("s00000")
        assert await counted.by(database.get_session("s00000")) == 1

    async def test_what_expires_takes_its_places_along(self, client: AsyncRedis, prefix: str) -> None:
        lasting = AsyncRedisDb(redis_client=client, db_prefix=prefix)
        passing = AsyncRedisDb(redis_client=client, db_prefix=prefix, expire=1)
        await lasting.sessions.upsert(a_session("stays"))
        await passing.sessions.upsert(a_session("goes"))
        await passing.runs.upsert(a_run("r", session_id="goes"))
        await passing.memories.upsert(a_memory("m"))
        await asyncio.sleep(0.6)
        await passing.sessions.rename("goes", "again")
        assert (await lasting.sessions.page(Page()))[1] == 2
        await asyncio.sleep(0.6)
        assert (await lasting.sessions.page(Page(limit=1)))[1] == 2  # it was written again
        assert await lasting.runs.get("r") is None
        await asyncio.sleep(0.6)
        assert await lasting.sessions.get("goes") is None
        for user in ({}, {"user_id": "alice"}):
            assert [one.session_id for one in (await lasting.sessions.page(Page(), **user))[0]] == ["stays"]
            assert (await lasting.sessions.page(Page(limit=0), **user))[1] == 1
        left = [key.decode() async for key in client.scan_iter(f"{{{prefix}}}*")]
        assert not [key for key in left if "memories" in key or "goes" in key]

    async def test_what_was_evicted_is_swept_by_whoever_meets_it(self, client: AsyncRedis, prefix: str) -> None:
        database = AsyncRedisDb(redis_client=client, db_prefix=prefix)
        for number in range(5):
            await database.sessions.upsert(a_session(f"s{number}", created_at=number))
        await client.delete(f"{{{prefix}}}:agno_sessions:doc:s2")
        sessions, _ = await database.sessions.page(Page(limit=3, sort_by="created_at", sort_order="asc"))
        assert [session.session_id for session in sessions] == ["s0", "s1", "s3"]
        assert (await database.sessions.page(Page(limit=1, sort_by="created_at")))[1] == 4
        assert (await database.sessions.upsert(a_session("s2"))).row_version == 1

    async def test_a_full_server_refuses_all_of_a_write(self) -> None:
        with ValkeyServer.start() as server:
            async with AsyncRedisDb(db_url=server.url) as database:
                await database.sessions.upsert(a_session())
                await database.runs.upsert(a_run("r"))
                client = Redis.from_url(server.url)
                client.config_set("maxmemory", 1)
                before = {key: client.type(key) for key in client.scan_iter()}
                for call in (
                    lambda: database.sessions.rename("s", "chosen"),
                    lambda: database.runs.upsert(a_run("other")),
                ):
                    with pytest.raises(StorageError, match="full"):
                        await call()
                assert {key: client.type(key) for key in client.scan_iter()} == before
                assert (await database.sessions.page(Page()))[1] == 1
                client.config_set("maxmemory", 0)
                client.close()
                await database.sessions.rename("s", "chosen")

    async def test_a_client_may_decode(self, redis_server: str, prefix: str) -> None:
        async with AsyncRedis.from_url(redis_server, decode_responses=True) as client:
            database = AsyncRedisDb(redis_client=client, db_prefix=prefix)
            await database.sessions.upsert(a_session("sé"))
            assert [one.session_id for one in (await database.sessions.page(Page()))[0]] == ["sé"]

    async def test_two_prefixes_are_two_databases(self, client: AsyncRedis, prefix: str) -> None:
        one = AsyncRedisDb(redis_client=client, db_prefix=prefix)
        other = AsyncRedisDb(redis_client=client, db_prefix=f"{prefix}-other")
        await one.sessions.upsert(a_session())
        assert await other.sessions.get("s") is None
        assert one.id != other.id

    def test_a_stored_database_has_no_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        url = "valkey://alice:s3cr3t@localhost:6390/2?password=s3cr3t&ssl_cert_reqs=none"
        monkeypatch.delenv("AGNODB_URL", raising=False)
        stored = RedisDb(db_url=url, expire=5).to_dict()
        assert "s3cr3t" not in f"{stored}{RedisDb(db_url=url)!r}"
        assert (stored["type"], stored["expire"], stored["db_prefix"]) == ("redis", 5, "agno")
        with pytest.raises(ConfigurationError, match="AGNODB_URL"):
            RedisDb.from_dict(stored)
        monkeypatch.setenv("AGNODB_URL", url)
        assert RedisDb.from_dict(stored).to_dict() == stored
        assert RedisDb(db_url=url).id == RedisDb(db_url="redis://bob@localhost:6390/2").id

    @pytest.mark.parametrize("given", [{}, {"db_url": "http://localhost"}, {"db_url": "redis://x", "expire": 0}])
    def test_arguments_that_cannot_be_are_told(self, given: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError):
            RedisDb(**given)

    async def test_it_is_closed_whatever_loops_have_used_it(self, redis_server: str, prefix: str) -> None:
        database = AsyncRedisDb(db_url=redis_server, db_prefix=prefix)
        await database.sessions.upsert(a_session())
        begun, over = threading.Event(), threading.Event()

        async def read(*, wait: bool) -> Any:
            found = await database.sessions.get("s")
            if wait:
                begun.set()
                await asyncio.to_thread(over.wait)
            return found

        for _ in range(3):  # as agno's exporter does
            assert await asyncio.to_thread(lambda: asyncio.run(read(wait=False))) is not None
        other = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(read(wait=True))))
        await asyncio.to_thread(begun.wait)
        await database.close()
        over.set()
        assert await other is not None

    async def test_a_loop_that_ends_leaves_no_connection(self, redis_server: str, prefix: str, client: Any) -> None:
        database = AsyncRedisDb(db_url=redis_server, db_prefix=prefix)
        await database.sessions.upsert(a_session())
        before = len(await client.client_list())
        for _ in range(5):
            await asyncio.to_thread(asyncio.run, database.sessions.get("s"))
        assert len(await client.client_list()) == before
        await database.close()

    async def test_health(self, client: AsyncRedis, prefix: str) -> None:
        told = await AsyncRedisDb(redis_client=client, db_prefix=prefix).health()
        assert (told.ok, told.at_head) == (True, True)
        assert told.latency_ms > 0
        down = RedisDb(db_url="redis://u:s3cr3t@127.0.0.1:1")
        told = down.health()
        assert (told.ok, told.error) == (False, "UnavailableError")
        assert "127.0.0.1" not in str(told.to_dict())
