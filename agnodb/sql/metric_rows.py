"""Daily metrics computed by the database: the rows of the days that are to be computed again, in one statement.

What a run used stands in the `metrics` of its document: for an agent or a team its own tokens, without those of the
members, which are runs of their own; for a workflow, in each of its `steps`, those of the step's agent or team.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from agnodb.models.base import Tables
from agnodb.records.metrics import TOKEN_FIELDS
from agnodb.records.sessions import SessionType
from agnodb.sql.dialects.base import Dialect

PERIOD = "daily"
RUN_COUNTS = {f"{kind}_runs_count": kind.value for kind in SessionType}
SESSION_COUNTS = {f"{kind}_sessions_count": kind.value for kind in SessionType}
DAY = literal_column("86400", BigInteger)

_MOST_TOKENS = 10**15
_KEY = ("user_id", "date", "aggregation_period")
_KEPT = ("id", "created_at", *_KEY)
_COUNTS = (*RUN_COUNTS, *SESSION_COUNTS)
_NUMBERS = (*_COUNTS, *TOKEN_FIELDS)
_ZERO: ColumnElement[Any] = literal_column("0")
_ONE: ColumnElement[Any] = literal_column("1")
_NOBODY: ColumnElement[Any] = literal_column("''")


class DayRows:
    """The rows of the `days` (a SELECT of their beginnings in epoch seconds, as `day`): one for each owner."""

    def __init__(self, dialect: Dialect, tables: Tables, days: CompoundSelect[Any]) -> None:
        self._dialect, self._tables = dialect, tables
        self._days = days.cte("days")
        self._runs = self._runs_of_days().cte("day_runs")

    def upsert(self) -> Any:
        """INSERT ... ON CONFLICT DO UPDATE of the rows; binds: `now`, `today` (its beginning) and `no_models`.

        Owners who have a row of such a day, and nothing else of it any more, get zeros.
        """
        totals, models = self._totals().subquery("totals"), self._models().subquery("models")
        same = and_(models.c.day == totals.c.day, models.c.user_id == totals.c.user_id)
        now, dialect = bindparam("now", type_=BigInteger()), self._dialect
        values: dict[str, ColumnElement[Any]] = {
            "id": dialect.random_id(),
            **{name: totals.c[name] for name in _COUNTS},
            "users_count": case((totals.c.user_id == _NOBODY, _ZERO), else_=_ONE),
            "token_metrics": dialect.json_object_of({name: totals.c[name] for name in TOKEN_FIELDS}),
            "model_metrics": func.coalesce(models.c.models, dialect.json_in("no_models")),
            "date": dialect.utc_day(totals.c.day),
            "aggregation_period": literal_column(f"'{PERIOD}'"),
            "user_id": totals.c.user_id,
            "created_at": now,
            "updated_at": now,
            "completed": totals.c.day < bindparam("today", type_=BigInteger()),
        }
        # The condition always holds: SQLite needs a WHERE to tell the join's ON from ON CONFLICT.
        rows = (
            select(*(value.label(name) for name, value in values.items()))
            .select_from(totals.outerjoin(models, same))
            .where(totals.c.user_id.is_not(None))
        )
        update = {name: dialect.excluded(name) for name in values if name not in _KEPT}
        return dialect.upsert_from(self._tables.metrics, values, rows, _KEY, update)

    def _of_days(self, source: Table) -> FromClause:
        created, begin = source.c.created_at, self._days.c.day
        return self._days.join(source, and_(created >= begin, created < begin + DAY))

    def _runs_of_days(self) -> Select[Any]:
        """What counts of each run, taken out of its document once."""
        runs, dialect = self._tables.runs, self._dialect
        return select(
            self._days.c.day,
            _owner(runs).label("user_id"),
            runs.c.run_type,
            dialect.json_object_at(runs.c.run_data, "metrics").label("metrics"),
            dialect.json_text(runs.c.run_data, "model").label("model"),
            func.coalesce(dialect.json_text(runs.c.run_data, "model_provider"), _NOBODY).label("provider"),
        ).select_from(self._of_days(runs))

    def _totals(self) -> Select[Any]:
        metrics, sessions, runs = self._tables.metrics, self._tables.sessions, self._runs
        steps, step = self._dialect.json_values(runs, self._dialect.json_object_at(runs.c.metrics, "steps"))
        stored = self._days.join(metrics, metrics.c.date == self._dialect.utc_day(self._days.c.day))
        parts = union_all(
            _part(
                self._of_days(sessions),
                self._days.c.day,
                _owner(sessions),
                {
                    name: case((sessions.c.session_type == kind, _ONE), else_=_ZERO)
                    for name, kind in SESSION_COUNTS.items()
                },
            ),
            _part(
                runs,
                runs.c.day,
                runs.c.user_id,
                {
                    **{name: case((runs.c.run_type == kind, _ONE), else_=_ZERO) for name, kind in RUN_COUNTS.items()},
                    **self._tokens(runs.c.metrics),
                },
            ),
            _part(steps, runs.c.day, runs.c.user_id, self._tokens(self._dialect.json_object_at(step, "metrics"))),
            _part(stored, self._days.c.day, metrics.c.user_id, {}),
        ).subquery("parts")
        sums = (func.sum(parts.c[name]).label(name) for name in _NUMBERS)
        return select(parts.c.day, parts.c.user_id, *sums).group_by(parts.c.day, parts.c.user_id)

    def _tokens(self, used: ColumnElement[Any]) -> dict[str, ColumnElement[Any]]:
        # Beyond that it is no number of tokens, and a sum of them might not fit into 64 bits.
        dialect = self._dialect
        least: ColumnElement[Any] = literal_column(f"-{_MOST_TOKENS}")
        most: ColumnElement[Any] = literal_column(f"{_MOST_TOKENS}")
        numbers = {name: dialect.json_number(used, name) for name in TOKEN_FIELDS}
        return {name: dialect.least(dialect.greatest(number, least), most) for name, number in numbers.items()}

    def _models(self) -> Select[Any]:
        runs, dialect = self._runs.c, self._dialect
        which = (runs.day, runs.user_id, runs.model, runs.provider)
        counted = select(*which, func.count().label("count")).where(runs.model != _NOBODY).group_by(*which).subquery()
        model = {"model_id": counted.c.model, "model_provider": counted.c.provider, "count": counted.c.count}
        listed = dialect.json_array_of(dialect.json_object_of(model)).label("models")
        return select(counted.c.day, counted.c.user_id, listed).group_by(counted.c.day, counted.c.user_id)


def _owner(source: Table) -> ColumnElement[Any]:
    return func.coalesce(source.c.user_id, _NOBODY)


def _part(
    source: FromClause, day: ColumnElement[Any], user_id: ColumnElement[Any], numbers: Mapping[str, ColumnElement[Any]]
) -> Select[Any]:
    values = (numbers.get(name, _ZERO).label(name) for name in _NUMBERS)
    return select(day.label("day"), user_id.label("user_id"), *values).select_from(source)
