"""The records behind a database of documents, seen and put back through its own store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb import codec
from agnodb.documents.batches import in_parts
from agnodb.documents.encoding import new_version
from agnodb.documents.indexes import HISTORIES, NAMES, indexes
from agnodb.documents.store import Address, Document, Query, Write
from agnodb.filters import LISTINGS
from agnodb.testing.storage import UNLIKE, Rows

_CONCEPTS = tuple(LISTINGS)


class DocumentStorage:
    """As `agnodb.testing.storage.Storage`. The database is one that nothing disturbs."""

    def __init__(self, db: Any) -> None:
        self._core = getattr(db, "_core", db)
        self._name = self._core.collections.name
        self._kept: dict[Address, Document] = {}
        self._found: dict[Address, Document] = {}
        """What the last `read` has found."""
        self.rows: Rows = {}

    async def keep(self) -> None:
        """Remember all documents."""
        self.rows = await self.read()
        self._kept = self._found

    async def forget(self) -> None:
        """Leave nothing behind."""
        await self._core.close()

    async def put_back(self, _found: Rows) -> None:
        """Make all documents as they were; nothing has changed them since the last `read`."""
        found = self._found
        changed = [address for address in {*found, *self._kept} if found.get(address) != self._kept.get(address)]
        versions = {address: found[address].version for address in changed if address in found}
        writes = [Write(address, self._kept.get(address), versions.get(address)) for address in changed]
        async for _ in in_parts(self._core._executor, writes):
            pass

    async def read(self) -> Rows:
        """All records of all concepts."""
        found = self._found = await self._everything()
        return {
            self._name(concept): sorted(
                [_row(_columns(document)) for at, document in found.items() if at[0] == self._name(concept)], key=repr
            )
            for concept in _CONCEPTS
        }

    async def overwrite(self, concept: str, key: str, columns: Mapping[str, Any]) -> None:
        """Set columns of one record, and nothing else."""
        address = (self._name(concept), key)
        (over,) = await self._core._executor.get([address])
        written = replace(over, body=codec.encode({**_columns(over), **columns}), version=new_version())
        await self._core._executor.write([Write(address, written, over.version)])

    async def documents(self, concept: str) -> list[dict[str, Any]]:
        """The columns of all records of a concept."""
        return [_columns(document) for document in await self._all(concept)]

    async def _all(self, concept: str) -> list[Document]:
        index = next(index for index in indexes(concept) if not index.fields)
        found: list[Document] = await self._core._executor.find(Query(self._name(concept), index))
        return found

    async def _everything(self) -> dict[Address, Document]:
        """Those that no list has too: what goes with a session, and the names of schedules."""
        found = {(self._name(concept), d.key): d for concept in _CONCEPTS for d in await self._all(concept)}
        schedules = self._core.repositories.schedules
        beside = [(self._name(HISTORIES), key) for name, key in {*found, *self._kept} if name == self._name("sessions")]
        for name, key in {*found, *self._kept}:
            if name == self._name("schedules"):
                columns = _columns(found.get((name, key)) or self._kept[name, key])
                beside.append(schedules._name_at(columns["name"], columns["user_id"]))
        beside += [address for address in self._kept if address[0] in (self._name(HISTORIES), self._name(NAMES))]
        beside = list(dict.fromkeys(beside))
        there = await self._core._executor.get(beside)
        return found | {address: d for address, d in zip(beside, there, strict=True) if d is not None}


def _columns(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = codec.decode(document.body)
    return found


def _row(columns: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(repr((key, value)) for key, value in sorted(columns.items()) if key not in UNLIKE)
