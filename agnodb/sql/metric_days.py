"""Daily metrics computed by the database: which days are to be computed again.

A day is the epoch seconds at which it begins in UTC: bounds that the indexes on `created_at` serve.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Date,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    union,
    union_all,
)

from agnodb.models.base import Tables
from agnodb.sql.dialects.base import Dialect
from agnodb.sql.metric_rows import DAY, RUN_COUNTS, SESSION_COUNTS

MARGIN = 300
"""Seconds by which clocks may differ and a write may be late: a day counts as changed until so long after its last."""

_FIRST, _LAST = -62135596800, 253402300799  # the seconds of the years 1 to 9999, which a date can be
_ZERO: ColumnElement[Any] = literal_column("0", BigInteger)


class StaleDays:
    """Which days: SELECTs of one column, `day`."""

    def __init__(self, dialect: Dialect, tables: Tables) -> None:
        self._dialect, self._tables = dialect, tables

    def stale(self, reach: str) -> CompoundSelect[Any]:
        """The days that may have changed; binds: `since` and, its day, `since_day`.

        `reach` "deletions" adds those with other numbers of rows than are stored, "range" those from `from` to
        before `to` (and from `from_day` to `to_day`).
        """
        sources = (self._tables.sessions, self._tables.runs)
        parts = [self._unfinished(), *(self._changed(source) for source in sources)]
        if reach == "deletions":
            parts.append(self._differing())
        if reach == "range":
            parts += [self._stored_between(), *(self._between(source) for source in sources)]
        return union(*parts)

    def _unfinished(self) -> Select[Any]:
        """The days that were not over when they were computed. Those before `since_day` are known to have been."""
        metrics = self._tables.metrics.c
        newest = metrics.date >= bindparam("since_day", type_=Date())
        return select(self._stored_day()).where(newest, metrics.completed.is_(False))

    def _changed(self, source: Table) -> Select[Any]:
        """The days of which a row of `source` was written since they were computed, and since `since`."""
        metrics, written = self._tables.metrics.c, func.coalesce(source.c.updated_at, source.c.created_at)
        day = _begin_of_day(source.c.created_at)
        recent = written >= bindparam("since", type_=BigInteger())
        # Plus nothing: the index on the last change is to be used here, not the one on `created_at`.
        dated = _is_date(source.c.created_at + _ZERO)
        days = select(day, func.max(written).label("written")).where(recent, dated).group_by(day).subquery()
        computed = (
            select(func.min(func.coalesce(metrics.updated_at, _ZERO)))
            .where(metrics.date == self._dialect.utc_day(days.c.day))
            .scalar_subquery()
        )
        margin = literal_column(str(MARGIN), BigInteger)
        return select(days.c.day).where(days.c.written >= func.coalesce(computed - margin, days.c.written))

    def _differing(self) -> Select[Any]:
        """The days whose numbers of sessions or runs are not those that are stored."""
        day, metrics = self._stored_day(), self._tables.metrics.c
        sessions, runs = (sum((metrics[n] for n in names), _ZERO) for names in (SESSION_COUNTS, RUN_COUNTS))
        counted = union_all(
            _counted(self._tables.sessions, func.count(), _ZERO),
            _counted(self._tables.runs, _ZERO, func.count()),
            select(day, -func.sum(sessions), -func.sum(runs)).group_by(day),
        ).subquery()
        differs = (func.sum(counted.c.sessions) != _ZERO) | (func.sum(counted.c.runs) != _ZERO)
        return select(counted.c.day).group_by(counted.c.day).having(differs)

    def _stored_between(self) -> Select[Any]:
        first, last = (bindparam(name, type_=Date()) for name in ("from_day", "to_day"))
        return select(self._stored_day()).where(self._tables.metrics.c.date.between(first, last))

    def _between(self, source: Table) -> Select[Any]:
        created = source.c.created_at
        begin, end = (bindparam(name, type_=BigInteger()) for name in ("from", "to"))
        return select(_begin_of_day(created)).where(created >= begin, created < end)

    def _stored_day(self) -> ColumnElement[Any]:
        return self._dialect.day_start(self._tables.metrics.c.date).label("day")


def _counted(source: Table, sessions: ColumnElement[Any], runs: ColumnElement[Any]) -> Select[Any]:
    created = source.c.created_at
    day = _begin_of_day(created)
    return select(day, sessions.label("sessions"), runs.label("runs")).where(_is_date(created)).group_by(day)


def _begin_of_day(epoch: ColumnElement[Any]) -> ColumnElement[Any]:
    # Twice the remainder: one of a time before 1970 is negative.
    return (epoch - ((epoch % DAY) + DAY) % DAY).label("day")


def _is_date(epoch: ColumnElement[Any]) -> ColumnElement[bool]:
    return epoch.between(literal_column(str(_FIRST)), literal_column(str(_LAST)))
