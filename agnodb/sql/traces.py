"""Traces in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    distinct,
    func,
    or_,
    select,
)

from agnodb.contracts.traces import Groups
from agnodb.errors import OwnershipError
from agnodb.filters import Page
from agnodb.records.base import column_fields
from agnodb.records.traces import PLACEHOLDER_NAME, TraceRecord, TraceRow
from agnodb.rules.statistics import COMPONENTS, OWNERS
from agnodb.rules.times import time_from, time_in, time_now
from agnodb.rules.traces import Asked, Traces
from agnodb.sql.dialects.base import Dialect
from agnodb.sql.executor import Executor
from agnodb.sql.ownership import keep_owner, may_write
from agnodb.sql.percentile import group, p95, ranked
from agnodb.sql.repository import SqlRepository, Statements
from agnodb.sql.rows import RowMap
from agnodb.sql.trace_filters import TraceFilter

_IDS = ("run_id", "session_id", *COMPONENTS)

Conditions = dict[str, Callable[[], ColumnElement[bool]]]


class SqlTraceRepository(Traces, SqlRepository[TraceRow]):
    """See `agnodb.contracts.traces.TraceRepository`."""

    idempotent = frozenset({"upsert"})

    def __init__(self, executor: Executor, statements: Statements) -> None:
        super().__init__(executor, statements)
        self.rows = _CountedRows(self.table, self.dialect)

    # -- reads ------------------------------------------------------------------------------------------------

    async def get(self, *, trace_id: str | None = None, run_id: str | None = None) -> TraceRecord | None:
        name, value = ("trace_id", trace_id) if trace_id is not None else ("run_id", run_id)
        if value is None:
            return None
        found = await self.first("get", self._get, self.rows.parameters({name: value}), name)
        return cast("TraceRecord | None", found)

    def _get(self, name: str) -> Executable:
        latest = Page(sort_by="start_time", sort_order="desc")
        chosen = select(*self.rows.selected()).where(*self.equal([name])).order_by(*self.order(latest)).limit(1)
        return self._counted(chosen, latest)

    async def _asked(self, page: Page, asked: Asked) -> tuple[list[TraceRecord], int]:
        conditions, parameters = self._conditions("start_time", "end_time", asked)
        rows, total = await self.paged(page, asked.filters, conditions=conditions, parameters=parameters)
        return cast("list[TraceRecord]", rows), total

    def _page(self, where: Sequence[ColumnElement[bool]], page: Page, *, total: bool) -> Select[Any]:
        return self._counted(super()._page(where, page, total=total), page)

    def _counted(self, chosen: Select[Any], page: Page) -> Select[Any]:
        """The rows of `chosen`, with the counts of their spans after the columns: no other row's are counted."""
        rows, spans, width = chosen.subquery("chosen"), self.tables.spans, len(self.rows.columns)
        count = select(func.count()).select_from(spans).where(spans.c.trace_id == rows.c.trace_id)
        errors = count.where(spans.c.status_code == "ERROR")
        columns = [*rows.c]
        sorts = (rows.c[page.sort_by or self.listing.default_sort], rows.c.trace_id)
        order = [column.asc() if page.sort_order == "asc" else column.desc() for column in sorts]
        counts = (count.scalar_subquery(), errors.scalar_subquery())
        return select(*columns[:width], *counts, *columns[width:]).order_by(*order)

    def _conditions(self, start: str, end: str, asked: Asked) -> tuple[Conditions, dict[str, Any]]:
        """Those of the times, in the columns `start` and `end`, and of the expression, as far as they are set."""
        conditions: Conditions = {}
        parameters: dict[str, Any] = {}
        if asked.start_time is not None:
            conditions["from"] = lambda: self.table.c[start] >= bindparam("from", type_=String())
            parameters["from"] = time_from(asked.start_time)
        if asked.end_time is not None:
            conditions["to"] = lambda: self.table.c[end] <= bindparam("to", type_=String())
            parameters["to"] = time_in(asked.end_time)
        if asked.expression is not None:
            compiled = TraceFilter(asked.expression, self.table, self.dialect)
            conditions[compiled.key] = compiled.condition
            parameters.update(compiled.parameters)
        return conditions, parameters

    # -- statistics -------------------------------------------------------------------------------------------

    async def _grouped(self, page: Page, columns: tuple[str, ...], asked: Asked) -> Groups:
        conditions, parameters = self._conditions("created_at", "created_at", asked)
        by_session = columns[0] == "session_id"

        def build(*_: Any) -> Select[Any]:
            where = [*self.equal(sorted(asked.filters)), *(condition() for condition in conditions.values())]
            return self._by_session(where) if by_session else self._by_component(columns[0], where)

        return await self.groups(
            "stats",
            build,
            page,
            asked.filters,
            lambda row: group(columns, row),
            parameters=parameters,
            variant=(columns[0], tuple(sorted(conditions))),
        )

    def _by_session(self, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
        traces = self.table.c
        ids = (func.max(traces[name]).label(name) for name in OWNERS)
        latest = func.max(traces.created_at).label("last_trace_at")
        count, first = func.count().label("total_traces"), func.min(traces.created_at).label("first_trace_at")
        return (
            select(traces.session_id, *ids, count, first, latest)
            .where(traces.session_id.is_not(None), *where)
            .group_by(traces.session_id)
            .order_by(latest.desc(), traces.session_id)
        )

    def _by_component(self, key: str, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
        traces = self.table.c
        grouped = [traces[name].is_(None) for name in COMPONENTS] if key == "name" else [traces[key].is_not(None)]
        chosen = select(traces[key], traces.session_id, traces.duration_ms, traces.status, traces.created_at)
        rows = ranked(chosen.where(*grouped, *where).subquery("rows"), [key], "duration_ms")
        count = func.count().label("total_traces")
        return (
            select(
                rows.c[key],
                count,
                func.count(distinct(rows.c.session_id)).label("total_sessions"),
                func.avg(rows.c.duration_ms).label("avg_duration_ms"),
                p95(rows, "duration_ms").label("p95_duration_ms"),
                func.max(rows.c.duration_ms).label("max_duration_ms"),
                func.sum(case((rows.c.status == "ERROR", 1), else_=0)).label("error_traces"),
                func.min(rows.c.created_at).label("first_trace_at"),
                func.max(rows.c.created_at).label("last_trace_at"),
            )
            .group_by(rows.c[key])
            .order_by(count.desc(), rows.c[key])
        )

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, trace: TraceRow) -> None:
        values = {name: getattr(trace, name) for name in column_fields(TraceRow)}
        values["created_at"] = time_now() if trace.created_at is None else trace.created_at
        for name in ("start_time", "end_time", "created_at"):
            values[name] = time_in(values[name])
        if not await self.run("upsert", self._upsert, self.rows.parameters(values)):
            raise OwnershipError(trace_id=trace.trace_id, user_id=trace.user_id)

    def _upsert(self) -> Executable:
        stored, new = self.table.c, self.dialect.excluded
        placeholder = and_(stored.name == PLACEHOLDER_NAME, stored.status == "UNSET")
        start = case((placeholder, new("start_time")), else_=self.dialect.least(stored.start_time, new("start_time")))
        end = case((placeholder, new("end_time")), else_=self.dialect.greatest(stored.end_time, new("end_time")))
        between = self.dialect.milliseconds_between(start, end)
        outer = _level(new) > _level(lambda name: stored[name])
        update = {
            "start_time": start,
            "end_time": end,
            "duration_ms": case((placeholder, new("duration_ms")), else_=between),
            "status": new("status"),
            "name": case((or_(placeholder, outer), new("name")), else_=stored.name),
            "created_at": case((placeholder, new("created_at")), else_=stored.created_at),
            "user_id": keep_owner(self.table, new("user_id")),
            **{name: func.coalesce(stored[name], new(name)) for name in _IDS},
        }
        values = self.rows.binds(column_fields(TraceRow))
        owned = may_write(self.table, new("user_id"))
        statement = self.dialect.upsert(self.table, values, ["trace_id"], update, owned)
        return statement.returning(self.key)


def _level(column: Callable[[str], ColumnElement[Any]]) -> ColumnElement[int]:
    """How far out the component is that gave a trace its name: a workflow, a team, an agent, or nothing of those."""
    name = column("name")
    is_run = or_(func.replace(name, ".run", "") != name, func.replace(name, ".arun", "") != name)
    levels = [(and_(column(COMPONENTS[i]).is_not(None), is_run), 3 - i) for i in range(len(COMPONENTS))]
    return case(*levels, else_=0)


class _CountedRows(RowMap[TraceRow]):
    """Reads traces from rows in which the counts of their spans follow the columns."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        super().__init__(TraceRow, table, dialect)
        self._record = TraceRecord

    def read(self, row: Sequence[Any]) -> TraceRecord:
        trace = cast("TraceRecord", super().read(row))
        trace.total_spans, trace.error_count = row[len(self.columns) : len(self.columns) + 2]
        trace.duration_ms = round(trace.duration_ms)  # agno's own merge on SQLite leaves fractions
        return trace
