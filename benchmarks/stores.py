"""Stores of documents, without an event loop: agno's JsonDb, RedisDb and FirestoreDb beside agnodb's, with many
sessions stored.

Redis is the server of the tests, or the one at AGNODB_TEST_REDIS_URL, where keys with prefixes of the benchmark's own
are written and deleted. Firestore is the server of the tests, which looks at all documents of a collection for each
query: what is measured there is mostly that.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agno.db.firestore import FirestoreDb as AgnosFirestoreDb
from agno.db.json import JsonDb as AgnosJsonDb
from agno.db.redis import RedisDb as AgnosRedisDb
from google.cloud import firestore
from redis import Redis

from agnodb import FirestoreDb, JsonDb, RedisDb
from agnodb.testing.firestore.server import VARIABLE, FirestoreServer
from agnodb.testing.plugin import REDIS_URL_VARIABLE
from agnodb.testing.valkey_server import ValkeyServer
from benchmarks.data import PAGE, Item, run_item, session_item
from benchmarks.measure import Bench
from benchmarks.sides import Facade

SESSIONS = (1_000, 10_000)
_AT_ONCE = 250
NUMBERS = itertools.count(1)


async def run(bench: Bench) -> None:
    """Raises ServerUnavailableError where there is no server."""
    with contextlib.ExitStack() as stack:
        url = os.environ.get(REDIS_URL_VARIABLE) or stack.enter_context(ValkeyServer.start()).url
        # agno's class looks for credentials to make its indexes with.
        os.environ |= {VARIABLE: stack.enter_context(FirestoreServer.start()).host, "NO_GCE_CHECK": "true"}
        for count in SESSIONS:
            with _redis(url, count) as sides:
                await _measure(bench, sides, f"{count:,} sessions, Redis")
            with _json(count) as sides:
                await _measure(bench, sides, f"{count:,} sessions, JSON files")
            with _firestore(count) as sides:
                await _measure(bench, sides, f"{count:,} sessions, Firestore's stand-in")


def _items(count: int) -> list[Item]:
    return [session_item(f"s{number}", number) for number in range(count)]


def _agnos_row(item: Item) -> dict[str, Any]:
    """As agno's adapter writes a session."""
    return {**item.value.to_dict(include_runs=False), "session_type": "agent"}


@contextlib.contextmanager
def _json(count: int) -> Iterator[list[Facade]]:
    with tempfile.TemporaryDirectory(prefix="agnodb-bench-") as folder:
        theirs = Path(folder, "agno")
        theirs.mkdir()
        # One by one would take agno's adapter hours: it writes all of them each time.
        (theirs / "agno_sessions.json").write_text(json.dumps([_agnos_row(item) for item in _items(count)], indent=2))
        with JsonDb(Path(folder, "agnodb")) as ours:
            _fill(ours, count)
            yield _sides(AgnosJsonDb(str(theirs)), ours)


@contextlib.contextmanager
def _redis(url: str, count: int) -> Iterator[list[Facade]]:
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


@contextlib.contextmanager
def _firestore(count: int) -> Iterator[list[Facade]]:
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


def _fill(db: Any, count: int) -> None:
    values = [item.value for item in _items(count)]
    for first in range(0, count, _AT_ONCE):
        db.upsert_sessions(values[first : first + _AT_ONCE])


class Listing(Facade):
    """Pages come with their runs: agno's classes for these stores have no other."""

    async def get_sessions(self, page: int, runs: bool) -> Any:
        return await self.db.get_sessions(
            limit=PAGE, page=page, sort_by="created_at", sort_order="desc", deserialize=False
        )


def _sides(theirs: Any, ours: Any) -> list[Facade]:
    return [Listing("agno", "", theirs, blocking=True), Listing("agnodb", "", ours, blocking=True)]


async def _measure(bench: Bench, sides: list[Facade], where: str) -> None:
    sides = [side for side in sides if bench.only in (None, side.name)]

    async def page(side: Any, number: int) -> Any:
        return await side.get_sessions(number, True)

    views = [side.view(await page(side, 1)) for side in sides]
    assert all(view == views[0] and len(view) == PAGE for view in views), "the sides list differently"
    await bench.compare(f"get_sessions, page 1 of {where}", page, lambda number: [1] * number, sides, together=False)

    def saved(number: int) -> Sequence[Item]:
        return [session_item(f"s{n}", n) for n in range(number)]

    def runs(number: int) -> Sequence[Item]:
        return [run_item(session_item("s1", 1), at, f"run-{at}") for at in itertools.islice(NUMBERS, number)]

    for name, inputs in (("upsert_session", saved), ("upsert_run 4 KB, new", runs)):

        async def call(side: Any, item: Item, method: str = name.partition(" ")[0]) -> Any:
            return await getattr(side, method)(item)

        await bench.compare(f"{name}, {where}", call, inputs, sides, together=False)
