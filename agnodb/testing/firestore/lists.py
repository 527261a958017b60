"""The documents of a collection, with those sorted lists of them that queries have asked for.

The service reads a query's answer from an index. Here a list is made when a query first needs one, and every write
keeps it: a page costs what it shows, not what is stored. What no list serves is looked for among all documents.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from agnodb.testing.firestore import queries
from agnodb.testing.firestore.queries import EQUALITIES, OPERATORS, filters, orders_of, value_of
from agnodb.testing.firestore.values import sort_key

_TOP = (99,)
"""Sorts behind every value."""

Keys = tuple[Any, ...]
_Entry = tuple[Keys, Keys, str]
"""Values of fields that are equal, those that sort, the name of the document last; and that again, as a text."""
_Spec = tuple[tuple[str, ...], tuple[str, ...]]
"""Paths of fields that are equal, and of those that sort."""


class Asked(NamedTuple):
    """A query that one list serves."""

    spec: _Spec
    equal: Sequence[Keys]
    """The values of the fields that are equal; several where one of several is asked for."""
    ranges: Sequence[tuple[int, Keys]]
    """What the first field that sorts is compared with, and how."""
    down: bool

    @classmethod
    def of(cls, query: Any) -> Asked | None:
        """What `query` asks for; None where no list serves it."""
        orders = orders_of(query)
        fields = [one.field_filter for one in filters(query.where)]
        every = [one.WhichOneof("filter_type") == "field_filter" for one in filters(query.where)]
        if not all(every) or queries.has_or(query.where) or len({down for _, down in orders}) > 1:
            return None
        equal = {one.field.field_path: one for one in fields if one.op in EQUALITIES}
        ranges = [one for one in fields if one.op not in EQUALITIES]
        if len(equal) + len(ranges) != len(fields) or any(
            one.op not in queries.RANGES or one.field.field_path != orders[0][0] for one in ranges
        ):
            return None
        paths = tuple(sorted(equal))
        values = [_values(equal[path]) for path in paths]
        return cls(
            (paths, tuple(path for path, _ in orders)),
            [*itertools.product(*values)],
            [(one.op, sort_key(one.value)) for one in ranges],
            orders[0][1],
        )


def _values(asked: Any) -> list[Any]:
    given = asked.value.array_value.values if asked.op == OPERATORS.IN else [asked.value]
    return [*dict.fromkeys(map(sort_key, given))]


class Documents(dict[str, Any]):
    """Documents by their names. None is changed: another takes its place."""

    def __init__(self) -> None:
        super().__init__()
        self._lists: dict[_Spec, list[_Entry]] = {}

    def put(self, name: str, document: Any) -> None:
        """Store `document`, or delete what is there (None)."""
        before = self.pop(name, None)
        if document is not None:
            self[name] = document
        for spec, entries in self._lists.items():
            old, new = _entry(spec, before), _entry(spec, document)
            if old == new:
                continue
            if old is not None:
                del entries[bisect_left(entries, old)]
            if new is not None:
                insort(entries, new)

    def found(self, query: Any) -> list[Any]:
        """The documents that `query` returns."""
        asked = Asked.of(query)
        if asked is None:
            return queries.found(query, self.values())
        entries = self._list(asked.spec)
        spans = [_span(entries, equal, asked, query) for equal in asked.equal]
        last = query.offset + query.limit.value if query.HasField("limit") else None
        chosen = [_part(entries, *span, last, down=asked.down) for span in spans]
        if len(chosen) > 1:
            merged: Iterator[_Entry] = heapq.merge(*chosen, key=lambda entry: entry[1], reverse=asked.down)
            named = [*itertools.islice(merged, query.offset, last)]
        else:
            named = chosen[0][query.offset :] if chosen else []
        return queries.selected(query, [self[name] for _, _, name in named])

    def _list(self, spec: _Spec) -> list[_Entry]:
        if spec not in self._lists:
            made = (_entry(spec, document) for document in self.values())
            self._lists[spec] = sorted(entry for entry in made if entry is not None)
        return self._lists[spec]


def _entry(spec: _Spec, document: Any) -> _Entry | None:
    """Where a document stands in a list; None where it lacks a field of it."""
    if document is None:
        return None
    values = [[value_of(document, path) for path in paths] for paths in spec]
    if any(value is None for part in values for value in part):
        return None
    equal, sorts = (tuple(map(sort_key, part)) for part in values)
    return equal, sorts, document.name


def _part(entries: list[_Entry], low: int, high: int, most: int | None, *, down: bool) -> list[_Entry]:
    """The entries from `low` to before `high`, in the order that is asked for; the first `most` of them."""
    if most is not None:
        low, high = (max(low, high - most), high) if down else (low, min(high, low + most))
    return entries[low:high][::-1] if down else entries[low:high]


def _span(entries: list[_Entry], equal: Keys, asked: Asked, query: Any) -> tuple[int, int]:
    """From where to before where the entries are that a query finds."""

    def at(*sorts: Keys) -> int:
        return bisect_left(entries, (equal, sorts, ""))

    lows, highs = [at()], [at(_TOP)]
    for operator, key in asked.ranges:  # values of one type only
        lows.append(at(key[:1]))
        highs.append(at((key[0] + 1,)))
        if operator == OPERATORS.GREATER_THAN_OR_EQUAL:
            lows.append(at(key))
        elif operator == OPERATORS.GREATER_THAN:
            lows.append(at(key, _TOP))
        elif operator == OPERATORS.LESS_THAN_OR_EQUAL:
            highs.append(at(key, _TOP))
        else:
            highs.append(at(key))
    for name, bounds, others in (("start_at", lows, highs), ("end_at", highs, lows)):
        if query.HasField(name):
            cursor = getattr(query, name)
            keys = [sort_key(value) for value in cursor.values][: len(asked.spec[1])]
            # Downwards the beginning is the upper end, and what is at a cursor is before it.
            behind = cursor.before == asked.down
            (others if asked.down else bounds).append(at(*keys, _TOP) if behind else at(*keys))
    low, high = max(lows), min(highs)
    return low, max(low, high)
