"""Statistics by group, computed by the database: percentiles, and pages of groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    FromClause,
    Select,
    Subquery,
    bindparam,
    case,
    func,
    select,
)

from agnodb import codec
from agnodb.filters import Page
from agnodb.records.base import Record
from agnodb.sql.repository import SqlRepository

R = TypeVar("R", bound=Record)


def ranked(rows: FromClause, groups: Sequence[str], value: str) -> Subquery:
    """`rows`, each with its place in its group by `value` (from 0) and the number of the group's rows less one."""
    keys = [rows.c[name] for name in groups]
    place = func.row_number().over(partition_by=keys, order_by=rows.c[value]) - 1
    last = func.count().over(partition_by=keys) - 1
    return select(*rows.c, place.label("place"), last.label("last_place")).subquery("ranked")


def p95(rows: FromClause, value: str) -> ColumnElement[Any]:
    """The 95th percentile of whole numbers in a group of `ranked` rows, as PostgreSQL's percentile_cont has it.

    It lies at the place 0.95 * last, between two rows as a rule. The arithmetic is in whole numbers up to the one
    division, so every database gives the same.
    """
    hundredths = rows.c.last_place * 95
    below = func.max(case((rows.c.place == hundredths // 100, rows.c[value])))
    above = func.max(case((rows.c.place == hundredths // 100 + 1, rows.c[value])))
    step = (func.coalesce(above, below) - below) * func.max(hundredths % 100)
    return (below * 100 + step) / 100.0


class StatisticsRepository(SqlRepository[R]):
    """A repository with pages of groups."""

    async def groups(
        self,
        name: str,
        columns: Sequence[str],
        grouped: Callable[[], Select[Any]],
        parameters: Mapping[str, Any],
        page: Page,
        ties: Sequence[str],
        *variant: Any,
    ) -> tuple[list[dict[str, Any]], int]:
        """One page of the groups of `grouped` (checked, equal ones by `ties`) and the number of all groups.

        One statement; only a page beyond the last needs a second one, for the number. `variant` tells the texts
        of `grouped` apart, see `Statements.shape`.
        """

        def build(*_: Any) -> Executable:
            return _page_of(grouped().subquery("groups"), columns, page, ties)

        limits = {} if page.limit is None else {"limit": page.limit, "offset": page.offset}
        sorting = (page.sort_by, page.sort_order, page.limit is None)
        rows = await self.run(name, build, {**parameters, **limits}, *variant, *sorting)
        if rows:
            return [_group(columns, row) for row in rows], int(rows[0][-1])
        if not page.offset and page.limit != 0:
            return [], 0

        def count(*_: Any) -> Executable:
            return select(func.count()).select_from(grouped().subquery("groups"))

        counted = await self.run(f"{name}_count", count, parameters, *variant)
        return [], int(counted[0][0])


def _page_of(groups: Subquery, columns: Sequence[str], page: Page, ties: Sequence[str]) -> Select[Any]:
    sort = groups.c[page.sort_by or columns[0]]
    order = [sort.asc() if page.sort_order == "asc" else sort.desc()]
    for tie in ties:  # databases differ in where NULL comes
        order += [groups.c[tie].is_(None).asc(), groups.c[tie].asc()]
    statement = select(*(groups.c[name] for name in columns), func.count().over()).order_by(*order)
    if page.limit is None:
        return statement
    limit, offset = (bindparam(name, type_=BigInteger()) for name in ("limit", "offset"))
    return statement.limit(limit).offset(offset)


def _group(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {name: _given(name, value) for name, value in zip(columns, row, strict=False)}


def _given(name: str, value: Any) -> Any:
    """As agno gives it: datetimes, durations to one digit."""
    if value is None:
        return None
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    if name in ("avg_duration_ms", "p95_duration_ms"):
        return round(float(value), 1)
    return codec.decode_text(value) if isinstance(value, str) else round(value)
