"""Metrics in SQL."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, Executable, bindparam, func, select, true, update

from agnodb import clock
from agnodb.errors import InvalidValueError
from agnodb.filters import Page, present
from agnodb.records.metrics import MetricRecord
from agnodb.rules.metrics import (
    COUNTS,
    DAY,
    EVERYTHING,
    ROW,
    RUN,
    SESSION,
    Totals,
    date_of,
    day_number,
    moved,
    place_key,
    place_of,
)
from agnodb.rules.values import date_in
from agnodb.sql.executor import Executor, Row
from agnodb.sql.metric_changes import BATCH, Look, MetricChanges, State
from agnodb.sql.repository import SqlRepository

MARGIN = 300
"""Seconds by which the clocks of two that refresh may differ."""

EVERY_DAY = (-(10**13), 10**13)


@dataclass(frozen=True, slots=True)
class _Batch:
    rows: dict[str, MetricRecord | None]
    """By id, the rows of metrics that were written; None for a deleted one."""
    more: bool


class SqlMetricRepository(SqlRepository[MetricRecord]):
    """See `agnodb.contracts.metrics.MetricRepository`."""

    concept = "metrics"
    record = MetricRecord

    async def refresh(self) -> list[MetricRecord] | None:
        return await self._counted(None)

    async def recompute(self, from_day: datetime.date, to_day: datetime.date) -> list[MetricRecord] | None:
        first, last = date_in(from_day), date_in(to_day)
        if first > last:
            raise InvalidValueError("The first day is after the last one.")
        return await self._counted((day_number(first), day_number(last)))

    async def _counted(self, again: tuple[int, int] | None) -> list[MetricRecord] | None:
        """Count all that is noted, in batches, each of which is a transaction; before that, all `again`."""
        found: dict[str, MetricRecord | None] = {}
        started, tries, more, first = clock.now(), 0, True, True
        while more:
            before = tries

            async def batch(executor: Executor, first: bool = first) -> _Batch:
                nonlocal tries
                tries += 1
                return await type(self)(executor, self._statements)._batch(again, first)

            done = await self._executor.repeatable(batch)
            found |= done.rows
            if tries > before + 1:  # an attempt whose end nobody saw may have written them
                rows = await self.run("written_since", self._written_since, {"since": started})
                found |= {record.id: record for record in map(self.rows.read, rows)}
            more, first = done.more, False
        return [record for record in found.values() if record is not None] if found else None

    async def _batch(self, again: tuple[int, int] | None, first: bool) -> _Batch:
        """One transaction: what the notes say is counted; rows of metrics are written when no such notes are left."""
        await self.run("one_at_a_time", lambda: self.dialect.one_at_a_time(self.table), {})
        changes = MetricChanges(self)
        if first and again is not None:
            await self._note_unnoted(changes, (await changes.look([]))[1])
            return await self._again(changes, again)
        taken = await changes.take()
        notes = dict.fromkeys(taken)
        if EVERYTHING in notes:
            return await self._again(changes, EVERY_DAY)
        keys = [key for key in notes if key.startswith((RUN, SESSION))]
        looked, state = await changes.look(keys)
        more = len(taken) == BATCH
        if first and await self._note_unnoted(changes, state):
            more = True
        totals = await self._moved(changes, looked)
        stale = [look for look in looked if look.is_stale(state)]
        if keys and more:
            # A day that is partly counted is shown to nobody.
            await changes.store(stale, totals, [])
            await changes.note([ROW + key for key in (*totals, *_rows(notes))])
            return _Batch({}, True)
        shown = {**await self._totals(changes, [key for key in _rows(notes) if key not in totals]), **totals}
        now = clock.now()
        written = [*await changes.store(stale, totals, _new(shown, now)), *await self._over(state.last, now)]
        return _Batch(await self._without_empty(written), more)

    async def _note_unnoted(self, changes: MetricChanges, state: State) -> bool:
        """Note what nobody else does: changes where there are no triggers, and rows that were all deleted by hand."""
        if not state.noting:
            await changes.note_stale((state.last or 0) - MARGIN)
        if state.last is None:
            await changes.note_rows()
        return state.last is None or not state.noting

    async def _again(self, changes: MetricChanges, days: tuple[int, int]) -> _Batch:
        await changes.note_between(*days)
        await changes.forget_between(*days)
        return _Batch({}, True)

    async def _moved(self, changes: MetricChanges, looked: Iterable[Look]) -> dict[str, Totals]:
        """The new totals of the places that change."""
        differences = moved((look.before, look.after) for look in looked)
        totals = await self._totals(changes, [place_key(place) for place in differences])
        for place, difference in differences.items():
            totals[place_key(place)].join(difference)
        return totals

    async def _totals(self, changes: MetricChanges, keys: list[str]) -> dict[str, Totals]:
        stored = await changes.totals(keys) if keys else {}
        return {key: Totals.read(stored[key]) if key in stored else Totals() for key in keys}

    async def _over(self, last: int | None, now: int) -> Sequence[Row]:
        """The rows of the days that ended since metrics were last written, which are completed now."""
        first = now // DAY if last is None else max((last - MARGIN) // DAY, day_number(datetime.date.min))
        if first >= now // DAY:
            return ()
        return await self.run("complete", self._complete, {"first": date_of(first), "today": _today(now), "now": now})

    async def _without_empty(self, written: Iterable[Row]) -> dict[str, MetricRecord | None]:
        """By id; those of which nothing is left are deleted, and None."""
        records = [self.rows.read(row) for row in written]
        gone = [record.id for record in records if _is_empty(record)]
        if gone:
            await self.delete_any(gone)
        return {record.id: None if _is_empty(record) else record for record in records}

    def _written_since(self) -> Executable:
        since = bindparam("since", type_=BigInteger())
        return select(*self.rows.selected()).where(self.table.c.updated_at >= since)

    def _complete(self) -> Executable:
        metrics = self.table.c
        days = metrics.date >= bindparam("first", type_=Date()), metrics.date < bindparam("today", type_=Date())
        values = {"completed": true(), "updated_at": bindparam("now", type_=BigInteger())}
        completed = update(self.table).where(*days, metrics.completed.is_(False)).values(values)
        return completed.returning(*self.rows.selected())

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


def _rows(notes: Iterable[str]) -> list[str]:
    return [key.removeprefix(ROW) for key in notes if key.startswith(ROW)]


def _new(totals: Mapping[str, Totals], now: int) -> list[dict[str, Any]]:
    """Rows of metrics; one that is there keeps its id and when it was made."""
    times = {"created_at": now, "updated_at": now}
    return [
        {"id": str(uuid.uuid4()), **total.columns(place_of(key)), **times, "completed": place_of(key)[0] < now // DAY}
        for key, total in totals.items()
    ]


def _today(now: int) -> datetime.date:
    return date_of(now // DAY)


def _is_empty(record: MetricRecord) -> bool:
    counts = (getattr(record, name) for name in COUNTS)
    return not any(counts) and not any(record.token_metrics.values())
