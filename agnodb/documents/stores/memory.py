"""Documents in the memory of this process: for tests, demonstrations and what may be forgotten.

What is kept are texts, so nothing that comes out is the same object as what went in.
"""

from __future__ import annotations

import secrets
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from agnodb.documents.store import Address, Capabilities, Document, Index, Query, Refused, Scalar, Write

_Entry = tuple[Scalar, str]
"""What an index sorts by, and a key."""


class _Collection:
    """The documents of one collection, and where each stands in its indexes."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self.documents: dict[str, Document] = {}
        self._lists: dict[Index, dict[tuple[Scalar, ...], list[_Entry]]] = {index: {} for index in indexes}

    def put(self, key: str, document: Document | None) -> None:
        """Store `document`, or delete what is there."""
        before = self.documents.pop(key, None)
        if document is not None:
            self.documents[key] = document
        for index, lists in self._lists.items():
            old, new = _entry(index, before), _entry(index, document)
            if old == new:
                continue
            if old is not None:
                values, entry = old
                entries = lists[values]
                del entries[bisect_left(entries, entry)]
                if not entries:
                    del lists[values]
            if new is not None:
                values, entry = new
                insort(lists.setdefault(values, []), entry)

    def entries(self, query: Query) -> list[_Entry]:
        """What `query` finds, in ascending order."""
        entries = self._lists[query.index].get(query.values, [])
        if query.low is None and query.high is None:
            return entries
        first = 0 if query.low is None else bisect_left(entries, query.low, key=_sorted_by)
        last = len(entries) if query.high is None else bisect_right(entries, query.high, key=_sorted_by)
        return entries[first:last]


def _sorted_by(entry: _Entry) -> Any:
    return entry[0]


def _entry(index: Index, document: Document | None) -> tuple[tuple[Scalar, ...], _Entry] | None:
    """The list of `index` that a document stands in, and its place there; None where it lacks a field of it."""
    if document is None or index.sort not in document.fields:
        return None
    try:
        values = tuple(document.fields[name] for name in index.fields)
    except KeyError:
        return None
    return values, (document.fields[index.sort], document.key)


class MemoryStore:
    """See `agnodb.documents.store.DocumentStore`. One for all threads and event loops of a process."""

    capabilities = Capabilities(lists=1_000, shared=False)

    def __init__(self, name: str | None = None) -> None:
        self.name = name or secrets.token_hex(8)
        """Tells this store from every other."""
        self._collections: dict[str, _Collection] = {}
        self._lock = threading.Lock()
        _STORES.setdefault(self.name, self)

    @classmethod
    def named(cls, name: str) -> MemoryStore:
        """The store of that name, if this process has it still; else a new one, of that name."""
        return _STORES.setdefault(name, cls(name))

    async def prepare(self, collections: Mapping[str, Sequence[Index]]) -> None:
        with self._lock:
            self.add(collections)

    def add(self, collections: Mapping[str, Sequence[Index]]) -> None:
        """Make those that are missing. For one thread at a time."""
        for name, indexes in collections.items():
            if name not in self._collections:
                self._collections[name] = _Collection(indexes)

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        with self._lock:
            return [self._collections[collection].documents.get(key) for collection, key in addresses]

    async def write(self, writes: Sequence[Write]) -> None:
        with self._lock:
            self.check(writes)
            for write in writes:
                self.put(write.address, write.document)

    def put(self, address: Address, document: Document | None) -> None:
        """Store `document`, or delete what is there (None), whatever that is. For one thread at a time."""
        self._collections[address[0]].put(address[1], document)

    def check(self, writes: Sequence[Write]) -> None:
        """Raise Refused where something else is stored than a write expects. For one thread at a time."""
        for write in writes:
            collection, key = write.address
            stored = self._collections[collection].documents.get(key)
            if (None if stored is None else stored.version) != write.expected:
                raise Refused(write.address)

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        with self._lock:
            collection = self._collections[query.collection]
            entries = collection.entries(query)
            first, last = 0, len(entries)
            if after is not None:
                place = (after.fields[query.index.sort], after.key)
                if query.descending:
                    last = bisect_left(entries, place)
                else:
                    first = bisect_right(entries, place)
            if query.descending:
                end = max(last - offset, first)
                begin = first if limit is None else max(end - limit, first)
                chosen = entries[begin:end][::-1]
            else:
                begin = min(first + offset, last)
                chosen = entries[begin : last if limit is None else min(begin + limit, last)]
            return [collection.documents[key] for _, key in chosen]

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        return [await self.find(replace(query, values=(*query.values, value))) for value in values]

    async def count(self, query: Query) -> int:
        with self._lock:
            return len(self._collections[query.collection].entries(query))

    async def close(self) -> None:
        """Nothing is given up: what is kept goes with the store."""


_STORES: WeakValueDictionary[str, MemoryStore] = WeakValueDictionary()
"""The stores of this process."""
