"""Where a record stands in the lists of its collection, as texts: for stores whose keys are sorted texts.

A list is an index with values of its fields. In it a record has a text that sorts, by code point or by its bytes in
UTF-8, as `agnodb.documents.store.Index` asks for: by the value of `sort`, and where that is the same by the key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from agnodb.documents.store import Document, Index, Query, Scalar

SEPARATOR = "\0"
"""Between what sorts and the key: no text of a document has it, and it comes before all others."""
BEHIND = "\1"
_MOST = 2**64


def list_name(index: Index, values: Sequence[Scalar]) -> str:
    """The name of the list of `index` whose fields have `values`."""
    return _name(index, tuple(values))


@lru_cache(4_096)
def _name(index: Index, values: tuple[Scalar, ...]) -> str:
    order = ",".join(index.fields) + ">" + index.sort
    return order + json.dumps(values, ensure_ascii=False, separators=(",", ":")) if values else order


def sortable(value: Scalar) -> str:
    """A text that sorts as the value does."""
    return value if isinstance(value, str) else f"{value + _MOST:017x}"


def place(value: Scalar, key: str) -> str:
    """The text of a record in a list."""
    return sortable(value) + SEPARATOR + key


def key_in(place: str) -> str:
    """The key of the record that has this text."""
    return place.partition(SEPARATOR)[2]


def entries(indexes: Sequence[Index], document: Document) -> list[tuple[str, str]]:
    """The lists that a record stands in, and its place in each."""
    fields = document.fields
    return [
        (list_name(index, [fields[name] for name in index.fields]), place(fields[index.sort], document.key))
        for index in indexes
        if index.sort in fields and all(name in fields for name in index.fields)
    ]


def bounds(query: Query, after: Document | None = None) -> tuple[str, str]:
    """What the places of a query, beyond `after`, are all behind, and what they are all before; '' where nothing is."""
    low = "" if query.low is None else sortable(query.low)
    high = "" if query.high is None else sortable(query.high) + BEHIND
    if after is None:
        return low, high
    beyond = place(after.fields[query.index.sort], after.key)
    return (low, beyond) if query.descending else (beyond, high)
