"""The calls on MongoDB: agno's AsyncMongoDb, agnodb's, and bare PyMongo, which is agno's choice of a driver.

The server is the one at AGNODB_TEST_MONGODB_URL, or that of the tests: then its own speed is most of what is measured.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from agno.db.mongo import AsyncMongoDb as AgnoDb
from pymongo import AsyncMongoClient, MongoClient, ReturnDocument
from pymongo.monitoring import CommandListener

from agnodb import AsyncMongoDb
from agnodb.testing.mongo_server import MongoServer
from agnodb.testing.plugin import MONGODB_URL_VARIABLE
from agnodb.testing.wire import Counts
from benchmarks import calls
from benchmarks.backends import COLUMNS, filled
from benchmarks.data import JSON_COLUMNS, Data, Item, encode
from benchmarks.measure import SIZES, Bench
from benchmarks.sides import Facade, Side, View, opened

KEYS = {table: columns[0] for table, columns in COLUMNS.items()}


def _document(item: Item) -> dict[str, Any]:
    return {c: json.loads(v) if c in JSON_COLUMNS and v is not None else v for c, v in item.row.items()}


class PyMongoFloor:
    """One command by hand for each call; documents stay dictionaries."""

    name, schema, blocking = "floor", "floor_side", False

    def __init__(self, client: Any) -> None:
        self._client = client
        self._db = client[self.schema]

    async def _upsert(self, table: str, item: Item) -> Any:
        document = _document(item)
        key = {KEYS[table]: document[KEYS[table]]}
        collection = self._db[f"agno_{table}"]
        return await collection.find_one_and_update(
            key, {"$set": document}, upsert=True, return_document=ReturnDocument.AFTER
        )

    async def upsert_session(self, item: Item) -> Any:
        return await self._upsert("sessions", item)

    async def upsert_run(self, item: Item) -> Any:
        return await self._upsert("runs", item)

    async def upsert_user_memory(self, item: Item) -> Any:
        return await self._upsert("memories", item)

    async def get_user_memory(self, item: Item) -> Any:
        return await self._db.agno_memories.find_one({"memory_id": item.row["memory_id"]})

    async def get_session(self, item: Item) -> Any:
        key = {"session_id": item.row["session_id"]}
        session = await self._db.agno_sessions.find_one(key)
        return session, await self._db.agno_runs.find(key).sort("run_index").to_list()

    async def get_sessions(self, page: int, runs: bool) -> Any:
        raise NotImplementedError

    def forget(self) -> None:
        """It keeps nothing."""

    def view(self, result: Any) -> View:
        if isinstance(result, dict):
            return [(result["memory_id"], [("memory", result["memory"])])]
        session, runs = result
        return [(session["session_id"], [(run["run_id"], run["run_data"]["content"]) for run in runs])]

    async def close(self) -> None:
        await self._client.close()


class Commands(CommandListener):
    """Counts commands, each of which is a round trip."""

    def __init__(self) -> None:
        self.sent = 0

    def started(self, event: Any) -> None:
        self.sent += 1

    def succeeded(self, event: Any) -> None:
        """It was counted."""

    def failed(self, event: Any) -> None:
        """It was counted."""


class Mongo:
    """One server, with a database for each side."""

    def __init__(self, bench: Bench, url: str) -> None:
        self.bench, self._url, self._commands = bench, url, Commands()
        self._client: MongoClient[dict[str, Any]] = MongoClient(url)

    def sides(self) -> AbstractAsyncContextManager[list[Side]]:
        return self._opened()

    def counted_sides(self) -> AbstractAsyncContextManager[list[Side]]:
        return self._opened(event_listeners=[self._commands])

    @contextlib.asynccontextmanager
    async def _opened(self, **options: Any) -> AsyncIterator[list[Side]]:
        def client() -> Any:
            return AsyncMongoClient(self._url, **options)

        mine, ours = client(), client()
        makers: dict[str, Any] = {
            "agno": lambda: Facade("agno", "agno_side", AgnoDb(db_client=mine, db_name="agno_side")),
            "agnodb": lambda: Facade("agnodb", "agnodb_side", AsyncMongoDb(db_client=ours, db_name="agnodb_side")),
            "floor": lambda: PyMongoFloor(client()),
        }
        async with opened(makers, self.bench.only) as made:
            yield made
        await mine.close()
        await ours.close()

    @contextlib.contextmanager
    def count(self) -> Iterator[Counts]:
        counts, before = Counts(), self._commands.sent
        yield counts
        counts.statements = counts.round_trips = self._commands.sent - before

    async def prepare(self, sides: Iterable[Side], data: Data) -> None:
        """agno's adapter writes what it reads, agnodb opens copies of it in place, and the floor has the rows."""
        for side in sides:
            if side.name == "agno":
                await side.db._create_all_tables()  # type: ignore[attr-defined]
                for item in data.sessions():
                    await side.upsert_session(item)
                for item in data.runs():
                    await side.upsert_run(item)
                for item in data.memories:
                    await side.upsert_user_memory(item)
                continue
            for table, items in filled(data).items():
                collection = self._client[side.schema][f"agno_{table}"]
                copies = list(self._client.agno_side[f"agno_{table}"].find()) if isinstance(side, Facade) else []
                collection.create_index(KEYS[table], unique=True)
                collection.insert_many(copies or [_document(item) for item in items])
            if isinstance(side, Facade):
                await side.db._create_all_tables()
            else:
                self._client[side.schema].agno_runs.create_index([("session_id", 1), ("run_index", 1)])

    async def stored(self, side: Side, table: str, key: str) -> Mapping[str, Any]:
        found = self._client[side.schema][f"agno_{table}"].find_one({KEYS[table]: key}) or {}
        return {
            c: encode(v) if c in JSON_COLUMNS and v is not None else v for c in COLUMNS[table] for v in [found.get(c)]
        }

    def close(self) -> None:
        """Drop the databases."""
        for name in ("agno_side", "agnodb_side", "floor_side"):
            self._client.drop_database(name)
        self._client.close()


async def run(bench: Bench) -> None:
    """Raises ServerUnavailableError where there is no server."""
    with contextlib.ExitStack() as stack:
        url = os.environ.get(MONGODB_URL_VARIABLE)
        if url is None:
            url = stack.enter_context(MongoServer.start()).url
            bench = replace(bench, size=SIZES["quick"])  # it needs minutes for more; rows go to the same list
        backend = stack.enter_context(contextlib.closing(Mongo(bench, url)))
        data = Data.make(listed=0, longest=0)
        for item in data.memories:  # agno's adapter does not keep a memory's input
            item.value.input = item.row["input"] = None
        await calls.measure(bench, backend, ", MongoDB", data, pages=False)
