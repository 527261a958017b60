"""What a database promises, in DynamoDB: with an event loop and without one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import boto3
import pytest
import pytest_asyncio
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from agnodb import AsyncDynamoDb, DynamoDb
from agnodb.documents.stores.dynamodb_table import Table
from agnodb.errors import (
    ConfigurationError,
    DuplicateKeyError,
    StorageError,
    UnavailableError,
    UnsupportedOperationError,
)
from agnodb.filters import Page
from agnodb.records import EvalRunRecord, SessionRecord
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import SingleDocumentConformance, StandInDocumentConformance
from agnodb.testing.conformance.concurrency import ConcurrencyConformance
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.traces import a_span
from agnodb.testing.dynamodb_server import REGION, DynamoDbServer


@pytest.fixture(scope="module")
def deleting(dynamodb_server: str) -> Iterator[Any]:
    """A client that deletes the tables of tests."""
    client = boto3.client("dynamodb", region_name=REGION, endpoint_url=dynamodb_server)
    yield client
    client.close()


@pytest.fixture
def url(dynamodb_server: str, deleting: Any) -> Iterator[str]:
    """The table of one test, which is not there yet."""
    table = f"agnodb-test-{uuid.uuid4().hex[:12]}"
    yield f"dynamodb://{REGION}/{table}?endpoint={dynamodb_server}"
    with contextlib.suppress(deleting.exceptions.ResourceNotFoundException):
        deleting.delete_table(TableName=table)


class TestDynamoDb(ConcurrencyConformance, StandInDocumentConformance):  # type: ignore[misc,valid-type]
    transactions_wait = False

    @pytest_asyncio.fixture
    async def make_db(self, url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncDynamoDb] = []

        async def make() -> AsyncDynamoDb:
            opened.append(AsyncDynamoDb(db_url=url))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestDynamoDbWithoutLoop(SingleDocumentConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncFacade] = []

        async def make() -> AsyncFacade:
            opened.append(AsyncFacade(DynamoDb(db_url=url)))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


MOST = {
    "batch_get_item": lambda given: [len(asked["Keys"]) <= 100 for asked in given["RequestItems"].values()],
    "batch_write_item": lambda given: [len(asked) <= 25 for asked in given["RequestItems"].values()],
    "transact_write_items": lambda given: [len(given["TransactItems"]) <= 100],
}
"""What the service takes in one request; moto takes more."""

SENT = ("batch_get_item", "query", "put_item", "delete_item", "batch_write_item", "transact_write_items")


def refusal(code: str, *reasons: str) -> ClientError:
    answer = {"Error": {"Code": code}, "CancellationReasons": [{"Code": reason} for reason in reasons]}
    return ClientError(answer, "TransactWriteItems")


class Between:
    """A client that counts what it sends, and meets what it is told to."""

    def __init__(self, client: Any) -> None:
        self._client, self.meta = client, client.meta
        self.sent: list[str] = []
        self.meets: list[Exception] = []
        """Raised by the next requests instead of sending them."""
        self.halves = 0
        """So many batches are done by half."""

    def __getattr__(self, name: str) -> Any:
        if name not in (
            "batch_get_item",
            "query",
            "put_item",
            "delete_item",
            "batch_write_item",
            "transact_write_items",
        ):
            return getattr(self._client, name)
        return lambda **given: self._send(name, given)

    async def _send(self, name: str, given: Any) -> Any:
        assert all(MOST[name](given) if name in MOST else ())
        self.sent.append(name)
        if self.meets:
            raise self.meets.pop(0)
        if self.halves and name.startswith("batch"):
            return await self._half(name, given)
        return await getattr(self._client, name)(**given)

    async def _half(self, name: str, given: Any) -> Any:
        self.halves -= 1
        ((table, asked),) = given["RequestItems"].items()
        if name == "batch_get_item":
            half = len(asked["Keys"]) // 2
            done, left = {"Keys": asked["Keys"][:half]}, {"UnprocessedKeys": {table: {"Keys": asked["Keys"][half:]}}}
        else:
            half = len(asked) // 2
            done, left = asked[:half], {"UnprocessedItems": {table: asked[half:]}}
        answer = await getattr(self._client, name)(RequestItems={table: done}) if half else {"Responses": {}}
        return {**answer, **left}

    async def by(self, call: Awaitable[Any]) -> int:
        """The number of requests of a call."""
        before = len(self.sent)
        await call
        return len(self.sent) - before


@pytest_asyncio.fixture
async def client(dynamodb_server: str) -> AsyncIterator[Between]:
    async with get_session().create_client("dynamodb", region_name=REGION, endpoint_url=dynamodb_server) as opened:
        yield Between(opened)


@pytest.fixture
def table(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


async def seeded(database: AsyncDynamoDb, sessions: int) -> None:
    """So many sessions, written without transactions, which take moto long."""
    store, items = database._executor.state().client, list[Any]()

    async def kept(_table: Table, operations: Sequence[Any]) -> None:
        items.extend(given["Item"] for _, given in operations)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "commit", kept)
        for number in range(sessions):
            await database.sessions.upsert(
                SessionRecord(session_id=f"s{number:05}", session_type="agent", created_at=number)
            )
    await store._table.put(items)


class TestOnlyInDynamoDb:
    """What holds of DynamoDB beside the promises of all."""

    @pytest.mark.parametrize("sessions", [10, 1_000])  # 10,000 pass too, and take moto two minutes
    async def test_requests_do_not_grow_with_what_is_stored(self, client: Between, table: str, sessions: int) -> None:
        database = AsyncDynamoDb(db_client=client, db_table=table)
        await database.create_tables()
        await seeded(database, sessions)
        session, run = await database.sessions.get("s00000"), a_run("r", session_id="s00000")
        assert session is not None
        await database.runs.upsert(run)
        assert await client.by(database.sessions.upsert(session)) == 1
        assert await client.by(database.runs.upsert(run)) == 1
        assert await client.by(database.sessions.page(Page(limit=5))) == 3
        assert await client.by(database.sessions.page(Page(limit=5, page=2), session_type="agent")) == 3
        assert (await database.sessions.page(Page(limit=5)))[1] == sessions
        # A list of runs for each session, and the runs of the one that has some.
        runs = Page(limit=5, sort_by="created_at", sort_order="asc")
        assert await client.by(database.sessions.page(runs, with_runs=True)) == 3 + 5 + 1
        await database.get_session("s00000")
        assert await client.by(database.get_session("s00000")) == 1

    async def test_texts_longer_than_an_item_are_split_and_joined(self, client: Between, table: str) -> None:
        database = AsyncDynamoDb(db_client=client, db_table=table)
        await database.sessions.upsert(a_session())
        for text in ("é😀" * 200_000, "x" * 700_000, "short", "y" * 300_000):
            await database.runs.upsert(a_run("r", run_data={"text": text}))
            (stored,) = await database.runs.of_session("s")
            assert stored == {"text": text}
        long = EvalRunRecord(run_id="e", eval_type="accuracy", eval_data={"text": "z" * 500_000})
        await database.eval_runs.create(long)
        with pytest.raises(DuplicateKeyError):
            await database.eval_runs.create(long)
        left = await client._client.scan(TableName=table)  # neither what was replaced nor what was refused
        parts = [item for item in left["Items"] if item["sk"]["S"].startswith("part:")]
        assert {item["pk"]["S"] for item in parts} == {"doc:agno_eval_runs:e"}
        assert len(parts) == 2

    async def test_a_transaction_of_long_texts_fits(self, client: Between, table: str) -> None:
        database = AsyncDynamoDb(db_client=client, db_table=table)
        async with database.transaction() as tx:
            for number in range(11):
                await tx.memories.upsert(a_memory(f"m{number}", user_id=None, memory="z" * 340_000))
        assert [len(one.memory) for one in (await database.memories.page(Page()))[0]] == [340_000] * 11

    async def test_what_is_more_than_a_transaction_has(self, client: Between, table: str) -> None:
        database = AsyncDynamoDb(db_client=client, db_table=table)
        with pytest.raises(UnsupportedOperationError):
            async with database.transaction() as tx:
                for number in range(40):
                    await tx.memories.upsert(a_memory(f"m{number}"))
        assert (await database.memories.page(Page()))[1] == 0
        spans = [a_span(f"x{number}", trace_id=f"t{number}") for number in range(60)]
        assert await database.spans.create_many(spans) == 60  # in parts
        await asyncio.gather(*(database.memories.upsert(a_memory(f"m{number}")) for number in range(40)))
        assert await database.memories.delete_many([f"m{number}" for number in range(40)]) == 40

    @pytest.mark.parametrize(
        "error",
        [
            refusal("ProvisionedThroughputExceededException"),
            refusal("ThrottlingException"),
            refusal("TransactionCanceledException", "None", "TransactionConflict"),
            refusal("TransactionCanceledException", "None", "ThrottlingError"),
        ],
        ids=str,
    )
    async def test_what_is_throttled_is_done_again(self, client: Between, table: str, error: Exception) -> None:
        database = AsyncDynamoDb(db_client=client, db_table=table)
        await database.create_tables()
        client.meets = [error, error]
        await database.sessions.upsert(a_session())
        client.meets = [error]
        assert (await database.sessions.page(Page()))[1] == 1

    async def test_what_a_batch_leaves_is_asked_for_again(self, client: Between, table: str) -> None:
        database = AsyncDynamoDb(db_client=client, db_table=table)
        for number in range(5):
            await database.memories.upsert(a_memory(f"m{number}", memory="z" * 360_000))
            client.halves = 2
            assert len((await database.memories.page(Page()))[0]) == number + 1
            client.halves = 1

    async def test_several_may_make_the_table_and_it_is_billed_on_demand(self, client: Between, table: str) -> None:
        databases = [AsyncDynamoDb(db_client=client, db_table=table) for _ in range(4)]
        await asyncio.gather(*(database.create_tables() for database in databases))
        described = await client._client.describe_table(TableName=table)
        assert described["Table"]["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"

    async def test_the_table_of_somebody_else_is_refused(self, client: Between, table: str) -> None:
        keys = {"AttributeName": "session_id", "KeyType": "HASH"}, {"AttributeName": "session_id", "AttributeType": "S"}
        made = {"TableName": table, "KeySchema": [keys[0]], "AttributeDefinitions": [keys[1]]}
        await client._client.create_table(**made, BillingMode="PAY_PER_REQUEST")
        with pytest.raises(ConfigurationError, match="not agnodb's"):
            await AsyncDynamoDb(db_client=client, db_table=table).sessions.get("s")

    async def test_values_come_back_as_they_were(self, client: Between, table: str) -> None:
        database = AsyncDynamoDb(db_client=client, db_table=table)
        data = {"": "", "whole": 10**45, "float": 0.1 + 0.2, "minus": -0.0, "null": None, "empty": [[], {}]}
        await database.sessions.upsert(a_session("s", session_data=data))
        await database.sessions.upsert(a_session("k" * 1_999, user_id="u" * 1_999))
        stored = await database.sessions.get("s")
        assert stored is not None
        assert repr(stored.session_data) == repr(data)
        assert [one.session_id for one in (await database.sessions.page(Page(), user_id="u" * 1_999))[0]] == [
            "k" * 1_999
        ]

    def test_a_server_that_is_gone(self, dynamodb_server: str, table: str) -> None:
        with DynamoDbServer.start() as server, DynamoDb(db_url=server.url(table)) as database:
            database.sessions.upsert(a_session())
            assert database.health().ok
            server.kill()
            database._core._executor._retry_timeout = 0.5
            with pytest.raises(UnavailableError) as told:
                database.sessions.get("s")
            assert "127.0.0.1" not in str(told.value)
            health = database.health()
            assert (health.ok, health.error) == (False, "UnavailableError")

    async def test_a_loop_that_ends_leaves_no_client(
        self, url: str, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
    ) -> None:
        database = AsyncDynamoDb(db_url=url)
        for _ in range(3):
            await asyncio.to_thread(asyncio.run, database.sessions.get("s"))
        gc.collect()
        await database.close()
        assert "Unclosed" not in caplog.text
        assert not [one for one in recwarn if issubclass(one.category, ResourceWarning)]

    async def test_what_the_service_says_is_typed(self, client: Between, table: str) -> None:
        database = AsyncDynamoDb(db_client=client, db_table=table)
        await database.create_tables()
        for code, kind in (("AccessDeniedException", ConfigurationError), ("ValidationException", StorageError)):
            client.meets = [refusal(code)]
            with pytest.raises(kind) as told:
                await database.sessions.get("s")
            assert code not in str(told.value)
            assert code in str(told.value.detail)

    def test_a_stored_database_has_no_secret(self) -> None:
        given = DynamoDb(
            region_name="eu-west-1", aws_access_key_id="AKIA", aws_secret_access_key="s3cr3t", db_table="mine"
        )
        stored = given.to_dict()
        assert "s3cr3t" not in f"{stored}{given!r}"
        assert "AKIA" not in f"{stored}{given!r}"
        assert (stored["type"], stored["db_url"]) == ("dynamodb", "dynamodb://eu-west-1/mine")
        assert DynamoDb.from_dict(stored).to_dict() == stored
        assert given.id == AsyncDynamoDb(db_url="dynamodb://eu-west-1/mine").id

    @pytest.mark.parametrize(
        "given",
        [
            {"db_url": "redis://x"},
            {"db_url": "dynamodb://r/t", "region_name": "r"},
            {"db_table": "no table"},
            {"aws_access_key_id": "AKIA"},
        ],
    )
    def test_arguments_that_cannot_be_are_told(self, given: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError):
            DynamoDb(**given)
