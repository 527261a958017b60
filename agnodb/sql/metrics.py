"""Metrics in SQL."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Date, Executable, bindparam, func, select

from agnodb import clock
from agnodb.errors import InvalidValueError
from agnodb.filters import Page, present
from agnodb.records.metrics import MetricRecord
from agnodb.rules.values import INT64, date_in
from agnodb.sql.executor import Executor
from agnodb.sql.metric_days import MARGIN, StaleDays
from agnodb.sql.metric_rows import RUN_COUNTS, SESSION_COUNTS, DayRows
from agnodb.sql.repository import SqlRepository

_DAY = 86400
_EPOCH = datetime.date(1970, 1, 1)


class SqlMetricRepository(SqlRepository[MetricRecord]):
    """See `agnodb.contracts.metrics.MetricRepository`."""

    concept = "metrics"
    record = MetricRecord

    async def refresh(self, *, deletions: bool = False) -> list[MetricRecord] | None:
        return await self._compute("deletions" if deletions else "changes", {})

    async def recompute(self, from_day: datetime.date, to_day: datetime.date) -> list[MetricRecord] | None:
        first, last = date_in(from_day), date_in(to_day)
        if first > last:
            raise InvalidValueError("The first day is after the last one.")
        bounds = {"from": _begin(first), "to": _begin(last) + _DAY, "from_day": first, "to_day": last}
        return await self._compute("range", bounds)

    async def _compute(self, reach: str, bounds: Mapping[str, Any]) -> list[MetricRecord] | None:
        async def compute(executor: Executor) -> list[MetricRecord] | None:
            metrics = type(self)(executor, self._statements)
            await metrics.run("one_at_a_time", lambda: self.dialect.one_at_a_time(self.table), {})
            last = (await metrics.run("last_computed", self._last_computed, {}))[0][0]
            now = clock.now()
            times = {**_since(last), "now": now, "today": now - now % _DAY, "no_models": "[]"}
            rows = await metrics.run("compute", metrics._computed, {**times, **bounds}, reach)
            records = [self.rows.read(row) for row in rows]
            gone = [record.id for record in records if _is_empty(record)]
            if gone:
                await metrics.delete_any(gone)
            return [record for record in records if not _is_empty(record)] if records else None

        return await self._executor.repeatable(compute)

    def _last_computed(self) -> Executable:
        return select(func.max(self.table.c.updated_at))

    def _computed(self, reach: str) -> Executable:
        days = StaleDays(self.dialect, self.tables).stale(reach)
        statement: Any = DayRows(self.dialect, self.tables, days).upsert()
        computed: Executable = statement.returning(*self.rows.selected())
        return computed

    async def report(
        self,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int | None]:
        filters, (conditions, days) = present(user_id=user_id), self._days(from_day, to_day)
        variant = (tuple(sorted(filters)), tuple(sorted(conditions)))
        rows = await self.run("report", self._report, {**self.rows.parameters(filters), **days}, *variant)
        return [self.rows.read(row) for row in rows], rows[0][-1] if rows else None

    def _report(self, names: tuple[str, ...], bounds: tuple[str, ...]) -> Executable:
        computed = select(func.max(self.table.c.updated_at)).where(*self.equal(names)).scalar_subquery()
        where = [*self.equal(names), *(self._bound(name) for name in bounds)]
        order = self.order(Page().checked(self.listing))
        return select(*self.rows.selected(), computed.label("computed")).where(*where).order_by(*order)

    def _days(
        self, from_day: datetime.date | None, to_day: datetime.date | None
    ) -> tuple[dict[str, Callable[[], ColumnElement[bool]]], dict[str, datetime.date]]:
        days = {name: date_in(day) for name, day in present(from_day=from_day, to_day=to_day).items()}
        return {name: lambda name=name: self._bound(name) for name in days}, days  # type: ignore[misc]

    def _bound(self, name: str) -> ColumnElement[bool]:
        day, bound = self.table.c.date, bindparam(name, type_=Date())
        return day >= bound if name == "from_day" else day <= bound

    # -- pages: after everything that names the type of the same name -----------------------------------------

    async def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int]:
        conditions, days = self._days(from_day, to_day)
        return await self.paged(page, present(user_id=user_id), conditions=conditions, parameters=days)


def _since(last: int | None) -> dict[str, Any]:
    """From when on a write may not have been seen, when metrics were computed `last` (epoch seconds)."""
    if last is None:
        return {"since": -INT64, "since_day": datetime.date.min}
    since = last - MARGIN
    day = min(max(since // _DAY, _begin(datetime.date.min) // _DAY), _begin(datetime.date.max) // _DAY)
    return {"since": since, "since_day": _EPOCH + datetime.timedelta(days=day)}


def _begin(day: datetime.date) -> int:
    return (day - _EPOCH).days * _DAY


def _is_empty(record: MetricRecord) -> bool:
    counts = (getattr(record, name) for name in (*RUN_COUNTS, *SESSION_COUNTS))
    return not any(counts) and not any(record.token_metrics.values())
