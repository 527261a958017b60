"""The fault matrix of the conformance suite, on the calls of a table of chunks: an error that says so, or the answer;
never half a write."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from chunks import BOTH, HashingEmbedder, MakeStore
from sqlalchemy import Connection, text
from tenacity import Retrying, wait_none

from agnodb.contracts.vectors import VectorRows
from agnodb.executors import retries
from agnodb.records.vectors import Chunk, Owner
from agnodb.testing.conformance.calls import Call
from agnodb.testing.conformance.faults import COVERING, Matrix
from agnodb.testing.families import injection_of
from agnodb.testing.storage import Rows

_EMBED = HashingEmbedder().get_embedding
_IDEMPOTENT = frozenset({"replace", "add", "update_metadata"})
_WRITES = (*_IDEMPOTENT, "delete", "delete_by_metadata")
_COLUMNS = ("id", "name", "meta_data", "filters", "content", "embedding", "usage", "content_hash", "content_id")


def chunk(number: int) -> Chunk:
    words = f"chunk number{number}"
    return Chunk(content=words, embedding=_EMBED(words), id=f"c{number}", name="n", content_id="c", meta_data={"k": 1})


_ARGUMENTS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "replace": lambda: {"owner": Owner("h", "alice"), "chunks": [chunk(n) for n in range(5, 8)], "batch": 2},
    "add": lambda: {"owner": Owner("h", "alice"), "chunks": [chunk(n) for n in range(2, 5)], "batch": 2},
    "exists": lambda: {"name": "name", "value": "n"},
    "holds": lambda: {"owner": Owner("h", "alice")},
    "count": dict,
    "delete": lambda: {"content_id": "c", "user_id": "alice"},
    "delete_by_metadata": lambda: {"metadata": {"k": 1}},
    "update_metadata": lambda: {"content_id": "c", "metadata": {"new": [1]}},
    "nearest": lambda: {"embedding": _EMBED("number1"), "limit": 2, "filters": {"k": 1}, "user_id": "alice"},
    "best": lambda: {"query": "number1", "limit": 2, "filters": {"k": 1}, "user_id": "alice"},
    "hybrid": lambda: {"query": "number1", "embedding": _EMBED("number1"), "limit": 2},
}


class Chunks:
    """The rows of the table `kb`, seen and put back. See `agnodb.testing.storage.Storage`."""

    def __init__(self, db: Any) -> None:
        self._executor = db._executor
        self._table = "kb" if db.engine.dialect.name == "sqlite" else "ai.kb"
        self._more = ("user_id", "number", "length", "signature") if self._table == "kb" else ("user_id",)
        self.rows: Rows = {}

    async def keep(self) -> None:
        await self._do(f"CREATE TABLE {self._table}_kept AS SELECT * FROM {self._table}")
        self.rows = await self.read()

    async def put_back(self, found: Rows) -> None:
        if found != self.rows:
            names = ", ".join((*_COLUMNS, *self._more))
            await self._do(f"DELETE FROM {self._table}")
            await self._do(f"INSERT INTO {self._table} ({names}) SELECT {names} FROM {self._table}_kept")

    async def read(self) -> Rows:
        def read(connection: Connection) -> Any:
            return connection.execute(text(f"SELECT user_id, {', '.join(_COLUMNS)} FROM {self._table}")).fetchall()

        return {"kb": sorted((tuple(row) for row in await self._executor.inspected(read)), key=repr)}

    async def _do(self, statement: str) -> None:
        await self._executor.inspected(lambda connection: connection.execute(text(statement)))


def calls(store: Any) -> Iterator[Call]:
    """A call of every method of the contract; LookupError for one that nobody has said the arguments of."""
    rows = store.rows
    db = SimpleNamespace(chunks=rows, repositories=SimpleNamespace(chunks=SimpleNamespace(idempotent=_IDEMPOTENT)))
    for name, function in vars(VectorRows).items():
        if not inspect.iscoroutinefunction(function) or name.startswith("_"):
            continue
        if name not in _ARGUMENTS:
            raise LookupError(f"what is {name} given?")

        def arguments(name: str = name) -> dict[str, Any]:
            rows._documents = None  # what was counted is kept for a minute, and then it is a statement less
            return _ARGUMENTS[name]()

        yield Call(f"chunks.{name}", "chunks", name in _WRITES, takes_user=False, arguments=arguments, db=db)


@BOTH
async def test_every_fault_at_every_statement(
    db: Any, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, on: str
) -> None:
    monkeypatch.setattr(retries, "_POLICY", Retrying(wait=wait_none()))
    await db.create_tables()
    store = make_store("hybrid")
    await store.async_create()
    for user in ("alice", "bob", None):
        await store.rows.add(Owner("h", user), [chunk(n) for n in range(3)])
    storage = Chunks(db)
    await storage.keep()
    with injection_of(db) as injection:
        matrix = Matrix(db, storage, injection)
        matrix._executor = store._async._executor
        for call in calls(store):
            expected = await matrix.undisturbed(call)
            matrix.is_meant(expected)
            every = call.name == "chunks.replace"
            chosen = injection.faults if every else injection.faults[:COVERING]
            await matrix.strike_each(expected, chosen, len(chosen))
        assert matrix.strikes > 60
