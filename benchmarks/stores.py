"""Stores of documents, without an event loop: agno's own class for each beside agnodb's, with many sessions stored.

Redis is the server of the tests, or the one at AGNODB_TEST_REDIS_URL, where keys with prefixes of the benchmark's own
are written and deleted. DynamoDB is moto's server, and Firestore the one of the tests: what they take is in the times,
and is not what the services take.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
from agno.db.dynamo import DynamoDb as AgnosDynamoDb
from agno.db.dynamo.utils import prepare_session_data, serialize_to_dynamo_item
from agno.db.firestore import FirestoreDb as AgnosFirestoreDb
from agno.db.in_memory import InMemoryDb as AgnosInMemoryDb
from agno.db.json import JsonDb as AgnosJsonDb
from agno.db.redis import RedisDb as AgnosRedisDb
from google.cloud import firestore
from redis import Redis

from agnodb import DynamoDb, FirestoreDb, InMemoryDb, JsonDb, RedisDb
from agnodb.documents.stores.dynamodb_table import Table
from agnodb.testing.dynamodb_server import CREDENTIALS, REGION, DynamoDbServer
from agnodb.testing.firestore.server import VARIABLE, FirestoreServer
from agnodb.testing.plugin import REDIS_URL_VARIABLE
from agnodb.testing.valkey_server import ValkeyServer
from benchmarks.data import PAGE, Item, memory_item, run_item, session_item
from benchmarks.goals import STORE_PAGE, STORE_SESSIONS, STORE_WRITES
from benchmarks.measure import Bench
from benchmarks.sides import Facade

_AT_ONCE, _IN_BATCH = 250, 25
NUMBERS = itertools.count(1)

Sides = AbstractContextManager[list[Facade]]
Place = Callable[[contextlib.ExitStack], Callable[[int], Sides]]
"""Starts what a store needs; what fills it with so many sessions, on both sides."""


def _items(count: int) -> list[Item]:
    return [session_item(f"s{number}", number) for number in range(count)]


def _agnos_row(item: Item) -> dict[str, Any]:
    """As agno's adapter writes a session."""
    return {**item.value.to_dict(include_runs=False), "session_type": "agent"}


def _memory(_stack: contextlib.ExitStack) -> Callable[[int], Sides]:
    @contextlib.contextmanager
    def sides(count: int) -> Iterator[list[Facade]]:
        theirs = AgnosInMemoryDb()
        for item in _items(count):
            theirs.upsert_session(item.value)
        with InMemoryDb() as ours:
            _fill(ours, count)
            yield _sides(theirs, ours)

    return sides


def _json(_stack: contextlib.ExitStack) -> Callable[[int], Sides]:
    @contextlib.contextmanager
    def sides(count: int) -> Iterator[list[Facade]]:
        with tempfile.TemporaryDirectory(prefix="agnodb-bench-") as folder:
            theirs = Path(folder, "agno")
            theirs.mkdir()
            # One by one would take agno's adapter hours: it writes all of them each time.
            rows = [_agnos_row(item) for item in _items(count)]
            (theirs / "agno_sessions.json").write_text(json.dumps(rows, indent=2))
            with JsonDb(Path(folder, "agnodb")) as ours:
                _fill(ours, count)
                yield _sides(AgnosJsonDb(str(theirs)), ours)

    return sides


def _redis(stack: contextlib.ExitStack) -> Callable[[int], Sides]:
    url = os.environ.get(REDIS_URL_VARIABLE) or stack.enter_context(ValkeyServer.start()).url

    @contextlib.contextmanager
    def sides(count: int) -> Iterator[list[Facade]]:
        prefix = f"agnodb-bench-{uuid.uuid4().hex[:8]}"
        try:
            with RedisDb(db_url=url, db_prefix=prefix) as ours:
                theirs = AgnosRedisDb(db_url=url, db_prefix=prefix)
                for item in _items(count):
                    theirs.upsert_session(item.value)
                _fill(ours, count)
                yield _sides(theirs, ours)
        finally:
            with Redis.from_url(url) as client:
                for pattern in (f"{prefix}:*", f"{{{prefix}}}:*"):
                    for key in client.scan_iter(pattern, count=1000):
                        client.delete(key)

    return sides


def _dynamodb(stack: contextlib.ExitStack) -> Callable[[int], Sides]:
    server = stack.enter_context(DynamoDbServer.start())
    os.environ |= CREDENTIALS

    @contextlib.contextmanager
    def sides(count: int) -> Iterator[list[Facade]]:
        client = boto3.client("dynamodb", region_name=REGION, endpoint_url=server.endpoint)
        names = {kind: f"bench-{uuid.uuid4().hex[:8]}-{kind}" for kind in ("session", "runs", "memory")}
        theirs = AgnosDynamoDb(db_client=client, **{f"{kind}_table": name for kind, name in names.items()})
        table = theirs._get_table("sessions", create_table_if_not_found=True)
        rows = [
            serialize_to_dynamo_item(prepare_session_data(item.value, include_runs=False)) for item in _items(count)
        ]
        for first in range(0, count, _IN_BATCH):
            written = [{"PutRequest": {"Item": row}} for row in rows[first : first + _IN_BATCH]]
            client.batch_write_item(RequestItems={table: written})
        with DynamoDb(db_client=client, db_table=f"bench-{uuid.uuid4().hex[:8]}") as ours:
            with _without_transactions(ours):
                _fill(ours, count, at_once=1)
            yield _sides(theirs, ours)

    return sides


@contextlib.contextmanager
def _without_transactions(ours: DynamoDb) -> Iterator[None]:
    """Items that are written in the block go in batches at its end: transactions of so many take moto an hour."""
    ours.create_tables()
    commit, items = Table.commit, list[Any]()

    async def kept(_table: Table, operations: Sequence[Any]) -> None:
        items.extend(given["Item"] for _, given in operations)

    Table.commit = kept  # type: ignore[method-assign]
    try:
        yield
    finally:
        Table.commit = commit  # type: ignore[method-assign]
    store = ours._core._executor.state().client
    with contextlib.suppress(StopIteration):
        store._table.put(items).send(None)


def _firestore(stack: contextlib.ExitStack) -> Callable[[int], Sides]:
    # agno's class looks for credentials to make its indexes with.
    os.environ |= {VARIABLE: stack.enter_context(FirestoreServer.start()).host, "NO_GCE_CHECK": "true"}

    @contextlib.contextmanager
    def sides(count: int) -> Iterator[list[Facade]]:
        name = f"bench-{uuid.uuid4().hex[:8]}"
        client = firestore.Client(project="agnodb-bench", database=name)
        rows, collection = [_agnos_row(item) for item in _items(count)], client.collection("agno_sessions")
        for first in range(0, count, _AT_ONCE):
            batch = client.batch()
            for row in rows[first : first + _AT_ONCE]:
                batch.set(collection.document(), row)
            batch.commit()
        with FirestoreDb(db_url=f"firestore://agnodb-bench/{name}") as ours:
            _fill(ours, count)
            yield _sides(AgnosFirestoreDb(db_client=client), ours)

    return sides


def _fill(db: Any, count: int, at_once: int = _AT_ONCE) -> None:
    values = [item.value for item in _items(count)]
    for first in range(0, count, at_once):
        db.upsert_sessions(values[first : first + at_once])


class Listing(Facade):
    """Pages come with their runs: agno's classes for these stores have no other."""

    async def get_sessions(self, page: int, runs: bool) -> Any:
        return await self.db.get_sessions(
            limit=PAGE, page=page, sort_by="created_at", sort_order="desc", deserialize=False
        )


def _sides(theirs: Any, ours: Any) -> list[Facade]:
    return [Listing("agno", "", theirs, blocking=True), Listing("agnodb", "", ours, blocking=True)]


def _saved(number: int) -> Sequence[Item]:
    return [session_item(f"s{n}", n) for n in range(number)]


def _runs(number: int) -> Sequence[Item]:
    return [run_item(session_item("s1", 1), at, f"run-{at}") for at in itertools.islice(NUMBERS, number)]


def _memories(number: int) -> Sequence[Item]:
    return [memory_item(n) for n in range(number)]


INPUTS: dict[str, Callable[[int], Sequence[Item]]] = dict(zip(STORE_WRITES, (_saved, _runs, _memories), strict=True))


async def _measure(bench: Bench, sides: list[Facade], where: str) -> None:
    sides = [side for side in sides if bench.only in (None, side.name)]

    async def page(side: Any, number: int) -> Any:
        return await side.get_sessions(number, True)

    views = [side.view(await page(side, 1)) for side in sides]
    assert all(view == views[0] and len(view) == PAGE for view in views), "the sides list differently"
    await bench.compare(f"{STORE_PAGE}, {where}", page, lambda number: [1] * number, sides, together=False)
    for name, inputs in INPUTS.items():

        async def call(side: Any, item: Item, method: str = name.partition(",")[0]) -> Any:
            return await getattr(side, method)(item)

        await bench.compare(f"{name}, {where}", call, inputs, sides, together=False)


def _family(name: str, place: Place, *not_run: int) -> Callable[[Bench], Awaitable[None]]:
    async def run(bench: Bench) -> None:
        """Raises ServerUnavailableError where there is no server."""
        with contextlib.ExitStack() as stack:
            filled = place(stack)
            bench.not_run |= {f"{name}, {count:,} sessions": "it takes the stand-in too long" for count in not_run}
            for count in [one for one in STORE_SESSIONS if one not in not_run]:
                with filled(count) as sides:
                    await _measure(bench, sides, f"{name}, {count:,} sessions")

    return run


FAMILIES = {
    "stores-memory": _family("memory", _memory),
    "stores-json": _family("JSON files", _json),
    "stores-redis": _family("Redis", _redis),
    "stores-dynamodb": _family("DynamoDB", _dynamodb, 10_000),
    "stores-firestore": _family("Firestore", _firestore),
}
"""By their names."""
