"""What the concepts promise, on MongoDB: over Motor, PyMongo's asynchronous client, and without an event loop.

One database, emptied between tests.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient, MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from agnodb import AsyncMongoDb, MongoDb
from agnodb.errors import (
    ConfigurationError,
    OwnershipError,
    SchemaOutdatedError,
    UnavailableError,
    UnsupportedOperationError,
)
from agnodb.filters import Page
from agnodb.mongo.schema import HEAD
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance.approvals import ApprovalsConformance
from agnodb.testing.conformance.eval_runs import EvalRunConformance
from agnodb.testing.conformance.faults import FaultConformance
from agnodb.testing.conformance.hidden_reads import HiddenReadConformance
from agnodb.testing.conformance.instants import InstantConformance
from agnodb.testing.conformance.knowledge import KnowledgeConformance
from agnodb.testing.conformance.learnings import LearningConformance
from agnodb.testing.conformance.memories import MemoryConformance, a_memory
from agnodb.testing.conformance.merging import MergingConformance
from agnodb.testing.conformance.metrics import PAST, MetricConformance
from agnodb.testing.conformance.orders import OrderConformance
from agnodb.testing.conformance.owners import OwnerConformance
from agnodb.testing.conformance.runs import RunConformance, a_run
from agnodb.testing.conformance.schedule_runs import ScheduleRunsConformance
from agnodb.testing.conformance.schedules import SchedulesConformance
from agnodb.testing.conformance.sessions import SessionConformance, a_session
from agnodb.testing.conformance.spans import SpanConformance
from agnodb.testing.conformance.trace_filters import TraceFilterConformance
from agnodb.testing.conformance.traces import TraceConformance, a_span
from agnodb.testing.conformance.write_failures import WriteFailureConformance

KEPT = ("agno_schema_versions", "agnodb_version")


@pytest.fixture(scope="module")
def made(mongodb_server: str) -> Iterator[str]:
    """The name of a database with our collections in it."""
    name = f"agnodb_test_{uuid.uuid4().hex[:12]}"
    with MongoDb(db_url=mongodb_server, db_name=name) as database:
        database.create_tables()
    yield name
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        client.drop_database(name)


@pytest.fixture
def emptied(mongodb_server: str, made: str) -> Iterator[str]:
    yield made
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        for name in client[made].list_collection_names():
            if name not in KEPT:
                client[made][name].delete_many({})


class OnMongo:
    @pytest_asyncio.fixture
    async def make_db(self, mongodb_server: str, emptied: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncMongoDb] = []

        async def make() -> AsyncMongoDb:
            opened.append(AsyncMongoDb(db_url=mongodb_server, db_name=emptied))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()

    @pytest_asyncio.fixture
    async def db(self, make_db: Callable[[], Awaitable[Any]]) -> Any:
        return await make_db()


class TestSession(OnMongo, SessionConformance):
    pass


class TestMerging(OnMongo, MergingConformance):
    pass


class TestRun(OnMongo, RunConformance):
    pass


class TestMemory(OnMongo, MemoryConformance):
    pass


class TestKnowledge(OnMongo, KnowledgeConformance):
    pass


class TestEvalRun(OnMongo, EvalRunConformance):
    pass


class TestApprovals(OnMongo, ApprovalsConformance):
    pass


class TestSchedules(OnMongo, SchedulesConformance):
    pass


class TestScheduleRuns(OnMongo, ScheduleRunsConformance):
    pass


class TestLearning(OnMongo, LearningConformance):
    pass


class TestTrace(OnMongo, TraceConformance):
    pass


class TestTraceFilter(OnMongo, TraceFilterConformance):
    pass


class TestMetric(OnMongo, MetricConformance):
    pass


class TestFault(OnMongo, FaultConformance):
    pass


class TestOwner(OnMongo, OwnerConformance):
    losing = (OwnershipError, UnavailableError)


class TestHiddenRead(OnMongo, HiddenReadConformance):
    pass


class TestInstant(OnMongo, InstantConformance):
    pass


class TestOrder(OnMongo, OrderConformance):
    pass


class TestWriteFailure(OnMongo, WriteFailureConformance):
    pass


class TestSpan(OnMongo, SpanConformance):
    pass


class OnAsyncMongoClient(OnMongo):
    @pytest_asyncio.fixture
    async def make_db(self, mongodb_server: str, emptied: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        async with AsyncMongoClient[dict[str, Any]](mongodb_server) as client:

            async def make() -> AsyncMongoDb:
                return AsyncMongoDb(db_client=client, db_name=emptied)

            yield make


class OnSync(OnMongo):
    @pytest_asyncio.fixture
    async def make_db(self, mongodb_server: str, emptied: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncFacade] = []

        async def make() -> AsyncFacade:
            opened.append(AsyncFacade(MongoDb(db_url=mongodb_server, db_name=emptied)))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestSessionsOnAsyncMongoClient(OnAsyncMongoClient, SessionConformance):
    pass


class TestTracesOnAsyncMongoClient(OnAsyncMongoClient, TraceConformance):
    pass


class TestSessionsOnSync(OnSync, SessionConformance):
    pass


class TestRunsOnSync(OnSync, RunConformance):
    pass


class Sent(CommandListener):
    """The commands that a client sends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    async def by(self, call: Awaitable[Any]) -> list[str]:
        """The commands that `call` sends."""
        self.names.clear()
        await call
        return list(self.names)


class TestOnMongo(OnMongo):
    """What MongoDB promises beside the concepts."""

    async def commands(self, db: Any, call: Awaitable[Any]) -> int:
        before = db.statements_run
        await call
        return int(db.statements_run - before)

    async def test_steady_calls_are_one_command(self, db: Any) -> None:
        session = await db.sessions.upsert(a_session())
        run = a_run("r")
        await db.runs.upsert(run)
        session.session_data = {"turn": 1}
        assert await self.commands(db, db.sessions.upsert(session)) == 1
        assert await self.commands(db, db.runs.upsert(run)) == 1
        assert await self.commands(db, db.sessions.get("s")) == 1
        assert await self.commands(db, db.sessions.page(Page(limit=5))) == 1
        assert await self.commands(db, db.spans.create_many([a_span(f"p{n}") for n in range(100)])) == 2

    async def test_steady_calls_send_one_command(self, mongodb_server: str, emptied: str) -> None:
        sent = Sent()
        async with AsyncMongoClient[dict[str, Any]](mongodb_server, event_listeners=[sent]) as client:
            db: Any = AsyncMongoDb(db_client=client, db_name=emptied)
            session = await db.sessions.upsert(a_session())
            run = a_run("r")
            await db.runs.upsert(run)
            session.session_data = {"turn": 1}
            assert await sent.by(db.sessions.upsert(session)) == ["findAndModify"]
            assert await sent.by(db.runs.upsert(run)) == ["findAndModify"]
            assert await sent.by(db.sessions.get("s")) == ["find"]
            assert await sent.by(db.sessions.page(Page(limit=5))) == ["aggregate"]
            spans = [a_span(f"p{n}") for n in range(100)]
            assert await sent.by(db.spans.create_many(spans)) == ["insert", "insert"]

    async def test_a_transaction_stores_all_or_nothing(self, db: Any) -> None:
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                await tx.sessions.upsert(a_session())
                await tx.memories.upsert(a_memory())
                raise LookupError
        assert await db.sessions.get("s") is None
        async with db.transaction() as tx:
            await tx.sessions.upsert(a_session())
            await tx.memories.upsert(a_memory())
            assert (await tx.memories.get("m")).user_id == "alice"
        assert await db.sessions.get("s") is not None

    async def test_there_are_no_savepoints(self, db: Any) -> None:
        with pytest.raises(UnsupportedOperationError):
            async with db.transaction() as tx, tx.savepoint():
                pass

    async def test_a_block_that_fails_undoes_its_transaction(self, db: Any) -> None:
        with pytest.raises(UnsupportedOperationError, match="undone"):
            async with db.transaction() as tx:
                await tx.sessions.upsert(a_session())
                with contextlib.suppress(LookupError):
                    async with tx.transaction() as part:
                        await part.memories.upsert(a_memory())
                        raise LookupError
        assert await db.sessions.get("s") is None
        async with db.transaction() as tx, tx.transaction() as part:
            await part.sessions.upsert(a_session())
        assert await db.sessions.get("s") is not None

    async def test_metrics_see_what_no_time_tells_of(self, db: Any) -> None:
        await db.sessions.upsert(a_session(user_id="alice", created_at=PAST))
        deep: Any = {}
        for _ in range(200):
            deep = {"in": deep}
        document = {"metrics": {"total_tokens": 7}, "deep": deep}
        await db.runs.upsert(a_run("r", user_id="alice", created_at=PAST, run_data=document))
        assert [row["token_metrics"]["total_tokens"] for row in await db.calculate_metrics()] == [7]
        assert await db.sessions.reassign_owner("s", previous_user_id="alice", user_id="bob")
        assert sorted(row["user_id"] for row in await db.calculate_metrics()) == ["alice", "bob"]
        assert await db.calculate_metrics() is None

    async def test_what_is_over_16_mb_is_refused(self, db: Any) -> None:
        with pytest.raises(ValueError, match="16 MB"):
            await db.sessions.upsert(a_session(session_data={"text": "x" * 17_000_000}))
        assert await db.sessions.get("s") is None

    async def test_health(self, db: Any, make_db: Any, mongodb_server: str) -> None:
        await db.sessions.get("s")
        told = await db.health()
        assert (told.ok, told.at_head, told.revision, told.pool_size) == (True, True, HEAD, 100)
        assert told.latency_ms > 0
        assert told.server_version
        with MongoDb(db_url=mongodb_server, db_name="agnodb_test_empty") as blocking:
            empty = blocking.health()
        assert (empty.ok, empty.at_head, empty.revision) == (True, False, None)
        down = AsyncMongoDb(db_url="mongodb://u:s3cr3t@127.0.0.1:1/?serverSelectionTimeoutMS=50")
        told = await down.health()
        assert (told.ok, told.error) == (False, "UnavailableError")
        assert "127.0.0.1" not in str(told.to_dict())
        await down.close()

    async def test_an_older_step_is_told_and_mended_by_one_command(self, mongodb_server: str, emptied: str) -> None:
        with MongoClient[dict[str, Any]](mongodb_server) as client:
            client[emptied]["agnodb_version"].update_many({}, {"$set": {"revision": "m001"}})
        with MongoDb(db_url=mongodb_server, db_name=emptied) as database:
            with pytest.raises(SchemaOutdatedError, match="agnodb upgrade --schema"):
                database.sessions.get("s")
            database.create_tables()
            assert database.sessions.get("s") is None
            assert database.health().revision == HEAD

    async def test_a_closed_database_says_so(self, make_db: Any) -> None:
        database = await make_db()
        await database.sessions.get("s")
        await database.close()
        with pytest.raises(ConfigurationError):
            await database.sessions.get("s")
        assert "db_url" in database.to_dict()
