"""Lists: which index serves one, and what is looked at besides.

A list whose filters and order one index has costs two requests, whatever is stored: a page of it and its number.
Where no index has all filters, the best one is read in its order and what the others leave out is passed over; where
none has the order, what the filters leave is sorted here.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from agnodb import codec
from agnodb.documents.executor import Executor
from agnodb.documents.indexes import LATEST, best, indexes
from agnodb.documents.store import Document, Query, Scalar
from agnodb.filters import LISTINGS, Page
from agnodb.records.base import Record

R = TypeVar("R", bound=Record)

_AT_ONCE = 500
"""Documents read in one request where a whole list is looked at."""


@dataclass(frozen=True, slots=True)
class Chosen(Generic[R]):
    """Which records a list has."""

    equal: Mapping[str, Scalar]
    """Fields and their values."""
    ranged: str | None = None
    """A field that lies from `low` to `high`, both included, where they are set."""
    low: Scalar | None = None
    high: Scalar | None = None
    one_of: tuple[str, tuple[Scalar, ...]] | None = None
    """A field that has one of these values."""
    keep: Callable[[R], bool] | None = None
    """What else must hold, which no index knows."""

    def fits(self, document: Document, read: Callable[[Document], R]) -> bool:
        """Whether a document is one of them."""
        fields = document.fields
        if any(fields.get(name) != value for name, value in self.equal.items()):
            return False
        if self.one_of is not None and fields.get(self.one_of[0]) not in self.one_of[1]:
            return False
        if self.ranged is not None and not _between(fields.get(self.ranged), self.low, self.high):
            return False
        return self.keep is None or self.keep(read(document))


def _between(value: Any, low: Any, high: Any) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


class Lists(Generic[R]):
    """The lists of one collection."""

    def __init__(self, executor: Executor, collection: str, concept: str, read: Callable[[Document], R]) -> None:
        self._executor, self._collection, self._concept, self._read = executor, collection, concept, read
        self._key = LISTINGS[concept].key

    async def page(self, page: Page, chosen: Chosen[R]) -> tuple[list[R], int]:
        """The records of a checked page, and the number of all that match."""
        sort, descending = page.sort_by or "", page.sort_order == "desc"
        if sort == "updated_at" and descending:
            sort, descending = LATEST, False
        queries = self._queries(chosen, sort, descending=descending)
        if queries is None:
            return await self._looked_through(page, chosen, sort, descending=descending)
        if page.limit is None:
            found = [await self._all(query) for query in queries]
            rows = self._in_order(found, sort, descending=descending)
            return [self._read(row) for row in rows], len(rows)
        end = page.offset + page.limit
        if len(queries) == 1:
            rows = await self._executor.find(queries[0], offset=page.offset, limit=page.limit) if page.limit else []
        else:
            found = [await self._executor.find(query, limit=end) for query in queries if end]
            rows = self._in_order(found, sort, descending=descending)[page.offset : end]
        if len(rows) < page.limit and (rows or not page.offset):  # the last page: its place tells the number
            return [self._read(row) for row in rows], page.offset + len(rows)
        total = sum([await self._executor.count(query) for query in queries])
        return [self._read(row) for row in rows], total

    async def count(self, chosen: Chosen[R]) -> int:
        """The number of all that match."""
        sort = next(index.sort for index in indexes(self._concept) if index.fields == ())
        queries = self._queries(chosen, sort, descending=False)
        if queries is not None:
            return sum([await self._executor.count(query) for query in queries])
        _, total = await self._looked_through(Page(0), chosen, sort, descending=False)
        return total

    def _queries(self, chosen: Chosen[R], sort: str, *, descending: bool) -> list[Query] | None:
        """The queries, without a document in common, that find all of `chosen` in order; None if there are none."""
        if chosen.keep is not None or chosen.ranged not in (None, sort):
            return None
        further = () if chosen.one_of is None else (chosen.one_of[0],)
        filters = frozenset((*chosen.equal, *further))
        index = best(self._concept, filters, sort)
        if index.sort != sort or len(index.fields) != len(filters):
            return None
        query = Query(self._collection, index, (), chosen.low, chosen.high, descending)
        if chosen.one_of is None:
            return [self._of(query, chosen.equal)]
        name, values = chosen.one_of
        return [self._of(query, {**chosen.equal, name: value}) for value in dict.fromkeys(values)]

    @staticmethod
    def _of(query: Query, equal: Mapping[str, Scalar]) -> Query:
        return replace(query, values=tuple(equal[name] for name in query.index.fields))

    async def _looked_through(
        self, page: Page, chosen: Chosen[R], sort: str, *, descending: bool
    ) -> tuple[list[R], int]:
        index = best(self._concept, frozenset(chosen.equal), sort)
        ordered = index.sort == sort
        way = descending if ordered else bool(index.descending)
        query = self._of(Query(self._collection, index, (), None, None, way), chosen.equal)
        if chosen.ranged == index.sort:
            query = replace(query, low=chosen.low, high=chosen.high)
        first, end = page.offset, None if page.limit is None else page.offset + page.limit
        kept: list[Document] = []
        total = 0

        def take(document: Document) -> None:
            nonlocal total
            if chosen.fits(document, self._read):
                if not ordered or (total >= first and (end is None or total < end)):
                    kept.append(document)
                total += 1

        await self._each(query, take)
        rows = [self._read(document) for document in kept]
        if ordered:
            return rows, total
        if sort == LATEST:
            sort, descending = "updated_at", True
        rows.sort(key=lambda row: str(getattr(row, self._key)))
        rows.sort(key=lambda row: _order_of(row, sort), reverse=descending)
        return rows[first:end], total

    async def _each(self, query: Query, take: Callable[[Document], None]) -> None:
        after: Document | None = None
        while True:
            found = await self._executor.find(query, after=after, limit=_AT_ONCE)
            for document in found:
                take(document)
            if len(found) < _AT_ONCE:
                return
            after = found[-1]

    async def _all(self, query: Query) -> list[Document]:
        found: list[Document] = []
        usual = query.descending if query.index.descending is None else query.index.descending
        await self._each(replace(query, descending=usual), found.append)
        return found if usual == query.descending else found[::-1]

    @staticmethod
    def _in_order(found: Sequence[list[Document]], sort: str, *, descending: bool) -> list[Document]:
        if len(found) == 1:
            return found[0]

        def order(document: Document) -> tuple[Any, str]:
            return document.fields[sort], document.key

        return list(heapq.merge(*found, key=order, reverse=descending))


def _order_of(row: Any, column: str) -> tuple[int, Any]:
    """What sorts rows by a column: numbers, then texts (documents by theirs), then what has none."""
    value = getattr(row, column)
    if value is None and column == "updated_at":  # what was never changed counts by its creation
        value = row.created_at
    if value is None:
        return 2, 0
    if isinstance(value, (int, float)):
        return 0, value
    return 1, value if isinstance(value, str) else codec.encode(value)
