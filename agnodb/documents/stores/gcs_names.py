"""Names of objects for records and for their places in lists.

Names are listed in ascending order only. So what is mostly read newest first has its times inverted in the names, and
read the other way round, a list is read as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from agnodb.documents.store import Address, Document, Index, Query, Scalar
from agnodb.documents.stores import entries as lists

_INVERTED = frozenset({"created_at"})
"""Sorts whose lists are read newest first, as a rule."""
_NAME_BYTES, _SORTING_BYTES, _KEY_BYTES = 300, 100, 150
"""Of parts of a name, which has 1,024 bytes at most; of what is longer, the beginning and a digest stand for it."""


def _cut(text: str, most: int) -> str:
    """`text` as a part of a name."""
    whole = quote(text, safe="")
    return whole if len(whole) <= most else f"{whole[: most - 65]}~{hashlib.sha256(text.encode()).hexdigest()}"


def _sorted(text: str, most: int) -> str:
    """A part of a name that sorts as `text` does: in hexadecimal digits, which are behind the slash after them."""
    raw = text.encode()
    return (raw if len(raw) <= most else raw[: most - 32] + hashlib.sha256(raw).digest()).hex()


def _sorting(index: Index, value: Scalar) -> str:
    inverted = index.sort in _INVERTED and isinstance(value, int)
    return _sorted(lists.sortable(-int(value) if inverted else value), _SORTING_BYTES)


class Order:
    """The objects of the list that a query reads."""

    def __init__(self, folder: str, query: Query) -> None:
        self.folder, self._query = folder, query
        self._inverted = query.index.sort in _INVERTED
        self.ascending = self._inverted == query.descending
        """Whether they come in the order of their names."""

    def _bound(self, value: Scalar | None, *, behind: bool) -> str | None:
        if value is None:
            return None
        return f"{self.folder}{_sorting(self._query.index, value)}{'0' if behind else '/'}"  # 0 is behind the slash

    def start(self, after: Document | None) -> str | None:
        """What their names begin from; those of the time of `after` are among them."""
        first = self._query.high if self._inverted else self._query.low
        if after is not None and self.ascending:
            first = after.fields[self._query.index.sort]
        return self._bound(first, behind=False)

    def end(self, after: Document | None) -> str | None:
        """What their names are all before."""
        last = self._query.low if self._inverted else self._query.high
        if after is not None and not self.ascending:
            last = after.fields[self._query.index.sort]
        return self._bound(last, behind=True)

    def sorting(self, name: str) -> str:
        """The part of a name that its time is in."""
        return name[len(self.folder) :].split("/")[0]

    def is_beyond(self, name: str, after: Document) -> bool:
        """Whether a place comes behind that of `after`, in the order of the query."""
        sorting, key, _ = name[len(self.folder) :].split("/")
        last = _sorting(self._query.index, after.fields[self._query.index.sort])
        if sorting != last:
            return (sorting > last) == self.ascending
        other = _sorted(after.key, _KEY_BYTES)
        return key < other if self._query.descending else key > other

    def key(self, blob: Any) -> str:
        """The key of the record of a place."""
        full: str | None = (blob.metadata or {}).get("key")
        return bytes.fromhex(blob.name[len(self.folder) :].split("/")[1]).decode() if full is None else full

    def stands(self, document: Document, name: str) -> bool:
        """Whether a record is at the place of that name."""
        index, fields = self._query.index, document.fields
        if index.sort not in fields or tuple(fields.get(field) for field in index.fields) != self._query.values:
            return False
        return _sorting(index, fields[index.sort]) == self.sorting(name)


class Place(NamedTuple):
    """An object that says where a version of a record stands in a list."""

    name: str
    metadata: Mapping[str, str] | None
    """The key, where it is longer than a name has room for."""


class Names:
    """The names of the objects of one database, and the lists of its collections: the same for all clients of it."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.indexes: dict[str, Sequence[Index]] = {}

    def record(self, address: Address) -> str:
        """The object of a record."""
        collection, key = address
        return f"{self.prefix}{quote(collection)}/records/{_cut(key, 2 * _NAME_BYTES)}.json"

    def batch(self, name: str) -> str:
        """The object that decides of a batch."""
        return f"{self.prefix}batches/{name}"

    def order(self, query: Query) -> Order:
        """The objects of the list that `query` reads."""
        return Order(self._folder(query.collection, lists.list_name(query.index, query.values)), query)

    def _folder(self, collection: str, name: str) -> str:
        return f"{self.prefix}{quote(collection)}/lists/{_cut(name, _NAME_BYTES)}/"

    def places(self, address: Address, document: Document) -> Iterator[Place]:
        """The places of a version of a record."""
        key, fields = document.key, document.fields
        metadata = {"key": key} if len(key.encode()) > _KEY_BYTES else None
        for index in self.indexes.get(address[0], ()):
            if index.sort in fields and all(name in fields for name in index.fields):
                folder = self._folder(address[0], lists.list_name(index, [fields[name] for name in index.fields]))
                sorting = _sorting(index, fields[index.sort])
                yield Place(f"{folder}{sorting}/{_sorted(key, _KEY_BYTES)}/{document.version}", metadata)
