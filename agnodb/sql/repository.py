"""What every SQL repository is made of: prepared shapes, equality filters and pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Select,
    SelectBase,
    Table,
    bindparam,
    delete,
    func,
    literal_column,
    select,
)

from agnodb.filters import LISTINGS, Page
from agnodb.models.base import Tables
from agnodb.policies import DEFAULT_POLICIES, Policies
from agnodb.records.base import Record
from agnodb.rules.keyed import Keyed
from agnodb.rules.totals import KeptTotals
from agnodb.rules.values import text_in
from agnodb.sql.dialects.base import Dialect
from agnodb.sql.executor import Executor, Row, Shape
from agnodb.sql.rows import RowMap

R = TypeVar("R", bound=Record)
G = TypeVar("G")


@dataclass(frozen=True)
class Beside(Generic[R]):
    """A column that a page has beside those of its records, and what gives its value to a record."""

    name: str
    column: Callable[[], ColumnElement[Any]]
    give: Callable[[R, Any], None]


def constants(values: Iterable[str]) -> list[ColumnElement[str]]:
    """The program's own `values` for an IN, as they stand in SQL: one of binds would be expanded at every call."""
    return [literal_column(f"'{value}'") for value in values]


class Statements:
    """The prepared shapes of one layout on one dialect; shared by a database's repositories and transactions.

    `place` is the same for every object on the same database, and another for another.
    """

    def __init__(
        self, dialect: Dialect, tables: Tables, policies: Policies = DEFAULT_POLICIES, place: str | None = None
    ) -> None:
        self.dialect, self.tables, self.policies, self.place = dialect, tables, policies, place
        self.totals = KeptTotals()
        self._shapes: dict[tuple[Any, ...], Shape] = {}
        self._rows: dict[Any, RowMap[Any]] = {}

    def shape(self, name: str, build: Callable[..., Executable], *variant: Any, idempotent: bool = False) -> Shape:
        """The shape `name`, built by `build(*variant)` when it is first asked for; a SELECT is always idempotent.

        Two threads may build the same shape at once; either is as good as the other.
        """
        key = (name, *variant)
        shape = self._shapes.get(key)
        if shape is None:
            statement = build(*variant)
            again = idempotent or isinstance(statement, SelectBase)
            shape = Shape(name, self.dialect.prepared(statement), again)
            self._shapes[key] = shape
        return shape

    def rows(self, record: type[R], table: Table) -> RowMap[R]:
        """The row map of `record`."""
        found = self._rows.get(record)
        if found is None:
            found = self._rows[record] = RowMap(record, table, self.dialect)
        return found


class SqlRepository(Keyed[R], asks=False):
    """Base of the SQL repositories. Subclasses name their `concept` (see `LISTINGS`) and `record`."""

    idempotent: ClassVar[frozenset[str]] = frozenset()
    """The names of the writes that may be run twice: they leave and answer the same (see `Shape.idempotent`)."""

    def __init__(self, executor: Executor, statements: Statements) -> None:
        self._executor, self._statements = executor, statements
        self.dialect, self.tables, self.policies = statements.dialect, statements.tables, statements.policies
        self.table: Table = getattr(statements.tables, self.concept)
        self.rows: RowMap[R] = statements.rows(self.record, self.table)
        self.listing = LISTINGS[self.concept]
        self.key = self.table.c[self.listing.key]

    # -- running shapes ---------------------------------------------------------------------------------------

    def run(
        self, name: str, build: Callable[..., Executable], parameters: Mapping[str, Any], *variant: Any
    ) -> Awaitable[Sequence[Row]]:
        """The rows of the shape `name` (see `Statements.shape`) run with `parameters`."""
        again = name in self.idempotent
        shape = self._statements.shape(f"{self.concept}.{name}", build, *variant, idempotent=again)
        return self._executor.execute(shape, parameters)

    async def first(
        self, name: str, build: Callable[..., Executable], parameters: Mapping[str, Any], *variant: Any
    ) -> R | None:
        """The record of the first row, or None."""
        rows = await self.run(name, build, parameters, *variant)
        return self.read(rows[0]) if rows else None

    def read(self, row: Row) -> R:
        """The record of a row of `self.rows.selected()`."""
        return self.rows.read(row)

    # -- reads ------------------------------------------------------------------------------------------------

    async def find(self, **filters: Any) -> R | None:
        """The one record whose columns equal `filters`, or None."""
        rows = await self.run("find", self._find, self.rows.parameters(filters), *sorted(filters))
        return self.read(rows[0]) if rows else None

    def _find(self, *names: str) -> Executable:
        return select(*self.rows.selected()).where(*self.equal(names)).limit(1)

    async def one(self, key: Any, **filters: Any) -> R | None:
        return await self.find(**{self.key.name: key}, **filters)

    async def listed(self, page: Page, **filters: Any) -> tuple[list[R], int]:
        return await self.paged(page, filters)

    async def paged(
        self,
        page: Page,
        filters: Mapping[str, Any],
        *,
        conditions: Mapping[str, Callable[[], ColumnElement[bool]]] | None = None,
        parameters: Mapping[str, Any] | None = None,
        beside: Beside[R] | None = None,
    ) -> tuple[list[R], int]:
        """The records of one page and the number of all that match, in one statement.

        `filters` are equalities; `conditions` are further predicates, keyed by what tells their text apart, with
        their own `parameters`. Only a page beyond the last needs a second statement, for the number; a large one may
        be some seconds old (see `agnodb.rules.totals`), but not in a transaction.
        """
        page, conditions = page.checked(self.listing), conditions or {}
        names = tuple(sorted(filters))
        bound = {**self.rows.parameters(filters), **(parameters or {})}
        counted = (names, tuple(sorted(conditions)))
        totals, of = self._statements.totals, (self.concept, counted, repr(sorted(bound.items())))
        known = totals.get(of) if self._executor.final and page.limit is not None else None

        def where() -> list[ColumnElement[bool]]:
            return [*self.equal(names), *(condition() for condition in conditions.values())]

        def build(*_: Any) -> Executable:
            statement = self._page(where(), page, total=known is None)
            return statement if beside is None else statement.add_columns(beside.column())

        limits = {} if page.limit is None else {"limit": page.limit, "offset": page.offset}
        variant = (*counted, page.sort_by, page.sort_order, page.limit is None, known is None, beside and beside.name)
        rows = await self.run("page", build, {**bound, **limits}, *variant)
        if not rows and (page.offset or page.limit == 0):
            number = await self.run("count", lambda *_: self._count(where()), bound, *counted)
            return [], int(number[0][0])
        records = [self.read(row) for row in rows]
        if beside is not None:
            for record, row in zip(records, rows, strict=True):
                beside.give(record, row[-1])
        if page.limit is None or not rows:
            return records, len(rows)
        if known is not None:
            return records, max(known, page.offset + len(rows))
        total = int(rows[0][-1 if beside is None else -2])
        if self._executor.final:
            totals.keep(of, total)
        return records, total

    def _page(self, where: Sequence[ColumnElement[bool]], page: Page, *, total: bool) -> Select[Any]:
        """The page; with `total`, the number of all rows where `where` holds stands behind the columns of each row."""
        order = self.order(page)
        if page.limit is None:
            return select(*self.rows.selected()).where(*where).order_by(*order)
        # Keys first, rows after: what is selected is computed for the rows that OFFSET passes over, too.
        keys = self._limited(select(self.key).where(*where).order_by(*order)).subquery("keys")
        rows = self.table.join(keys, keys.c[self.key.name] == self.key)
        # An uncorrelated subquery is run once, whatever the page.
        further = [self._count(where).scalar_subquery()] if total else []
        return select(*self.rows.selected(), *further).select_from(rows).order_by(*order)

    @staticmethod
    def _limited(statement: Select[Any]) -> Select[Any]:
        limit, offset = bindparam("limit", type_=BigInteger()), bindparam("offset", type_=BigInteger())
        return statement.limit(limit).offset(offset)

    def _count(self, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
        return select(func.count()).select_from(self.table).where(*where)

    def order(self, page: Page) -> list[ColumnElement[Any]]:
        """ORDER BY of a checked page, with the key as the tiebreaker.

        Ties come as in agno: an index on a column is read backwards, keys and all; what is sorted keeps their order.
        """
        column: ColumnElement[Any] = self.table.c[page.sort_by or self.listing.default_sort]
        backwards = page.sort_order != "asc"
        sorted_afterwards = column.name in ("updated_at", *self.listing.scans)
        if column.name == "updated_at":  # a row that was never changed counts by its creation
            column = func.coalesce(column, self.table.c.created_at)
        ordered = column.desc() if backwards else column.asc()
        tie = self.key.desc() if backwards and not sorted_afterwards else self.key.asc()
        return [ordered] if column is self.key else [ordered, tie]

    async def groups(
        self,
        name: str,
        build: Callable[..., Select[Any]],
        page: Page,
        filters: Mapping[str, Any],
        read: Callable[[Row], G],
        *,
        parameters: Mapping[str, Any] | None = None,
        variant: tuple[Any, ...] = (),
    ) -> tuple[list[G], int]:
        """One page of the groups that `build(*names of filters, *variant)` selects, ordered, and their number.

        One statement, and a second one only for a page beyond the last.
        """
        page.checked(self.listing)
        names = tuple(sorted(filters))
        bound = {**self.rows.parameters(filters), **(parameters or {})}

        def paged(*chosen: Any) -> Executable:
            # A window over the groups is counted before LIMIT cuts them.
            grouped = build(*chosen).add_columns(func.count().over())
            return self._limited(grouped) if page.limit is not None else grouped

        limits = {} if page.limit is None else {"limit": page.limit, "offset": page.offset}
        rows = await self.run(f"{name} of {page.limit is None}", paged, {**bound, **limits}, *names, *variant)
        if rows or (not page.offset and page.limit != 0):
            return [read(row) for row in rows], rows[0][-1] if rows else 0

        def counted(*chosen: Any) -> Executable:
            return select(func.count()).select_from(build(*chosen).order_by(None).subquery())

        count = await self.run(f"{name} count", counted, bound, *names, *variant)
        return [], int(count[0][0])

    # -- parts of statements ----------------------------------------------------------------------------------

    def equal(self, names: Iterable[str]) -> list[ColumnElement[bool]]:
        """`column = :column` for each name."""
        return [self.table.c[name] == bind for name, bind in self.rows.binds(names).items()]

    # -- deletes ----------------------------------------------------------------------------------------------

    async def delete_where(self, **filters: Any) -> int:
        """Delete the rows whose columns equal `filters`; the number deleted."""
        rows = await self.run("delete", self._delete, self.rows.parameters(filters), *sorted(filters))
        return len(rows)

    def _delete(self, *names: str) -> Executable:
        return delete(self.table).where(*self.equal(names)).returning(self.key)

    async def delete_one(self, key: Any, **filters: Any) -> bool:
        return await self.delete_where(**{self.key.name: key}, **filters) > 0

    async def delete_any(self, keys: Iterable[str], **filters: Any) -> int:
        parameters = {"keys": self.dialect.texts(map(text_in, keys)), **self.rows.parameters(filters)}
        return len(await self.run("delete_any", self._delete_any, parameters, *sorted(filters)))

    def _delete_any(self, *names: str) -> Executable:
        chosen = self.dialect.any_of(self.key, "keys")
        return delete(self.table).where(chosen, *self.equal(names)).returning(self.key)
