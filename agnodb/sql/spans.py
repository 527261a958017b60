"""Spans in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, Executable, Select, String, bindparam, case, func, select
from sqlalchemy.sql.dml import ReturningInsert

from agnodb.contracts.traces import Groups
from agnodb.filters import Page, present
from agnodb.records.spans import SpanRecord
from agnodb.rules.placeholders import PLACEHOLDER, Rows, placeholders
from agnodb.rules.spans import Spans
from agnodb.rules.statistics import SPAN_GROUPS, SPAN_STATS, SPAN_TYPE
from agnodb.rules.times import time_from, time_in
from agnodb.rules.values import text_in
from agnodb.sql.executor import Executor
from agnodb.sql.percentile import group, p95, ranked
from agnodb.sql.repository import SqlRepository

Conditions = dict[str, Callable[[], ColumnElement[bool]]]


class SqlSpanRepository(Spans, SqlRepository[SpanRecord]):
    """See `agnodb.contracts.spans.SpanRepository`."""

    idempotent = frozenset({"create"})  # but for the number of new spans: after a lost connection it may be too low

    # -- reads ------------------------------------------------------------------------------------------------

    async def page(
        self,
        page: Page,
        *,
        trace_id: str | None = None,
        parent_span_id: str | None = None,
        name: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
    ) -> tuple[list[SpanRecord], int]:
        filters = present(trace_id=trace_id, parent_span_id=parent_span_id, name=name)
        conditions, parameters = self._started(start_time, end_time)
        return await self.paged(page, filters, conditions=conditions, parameters=parameters)

    async def earliest(
        self, limit: int | None = None, *, trace_id: str | None = None, parent_span_id: str | None = None
    ) -> list[SpanRecord]:
        page = Page(limit).checked(self.listing)
        filters = present(trace_id=trace_id, parent_span_id=parent_span_id)
        parameters = self.rows.parameters(filters)
        if limit is not None:
            parameters["limit"] = limit
        names = tuple(sorted(filters))

        def build(*_: Any) -> Executable:
            chosen = select(*self.rows.selected()).where(*self.equal(names)).order_by(*self.order(page))
            return chosen if limit is None else chosen.limit(bindparam("limit", type_=BigInteger()))

        rows = await self.run("earliest", build, parameters, names, limit is None)
        return [self.rows.read(row) for row in rows]

    def _started(self, from_time: Any, to_time: Any) -> tuple[Conditions, dict[str, Any]]:
        """The conditions from_time <= start <= to_time, those that are set."""
        conditions: Conditions = {}
        parameters: dict[str, Any] = {}
        if from_time is not None:
            conditions["from"] = lambda: self.table.c.start_time >= bindparam("from", type_=String())
            parameters["from"] = time_from(from_time)
        if to_time is not None:
            conditions["to"] = lambda: self.table.c.start_time <= bindparam("to", type_=String())
            parameters["to"] = time_in(to_time)
        return conditions, parameters

    # -- writes -----------------------------------------------------------------------------------------------

    def _made(self, span: SpanRecord, now: str) -> dict[str, Any]:
        """A span as a row of `Dialect.insert_absent`. One that the database would refuse must not get that far."""
        created_at = now if span.created_at is None else time_in(span.created_at)
        start_time, end_time = time_in(span.start_time), time_in(span.end_time)
        return self.rows.row(span, start_time=start_time, end_time=end_time, created_at=created_at)

    async def _store(self, made: Rows, now: str) -> int:
        # Always in one order: two writers of the same rows must not wait for each other.
        made.sort(key=lambda row: str(row["span_id"]))
        traces = {"traces": _json(placeholders(made, now))}
        spans = {"spans": _json(made)}
        if self.dialect.writes_nest:
            return len(await self.run("create", self._create_with_traces, {**traces, **spans}))

        async def both(executor: Executor) -> int:
            inside = type(self)(executor, self._statements)
            await inside.run("placeholders", inside._create_traces, traces)
            return len(await inside.run("create", inside._create, spans))

        return await self._executor.repeatable(both)

    def _create_with_traces(self) -> Executable:
        return self._create().add_cte(self._create_traces().cte("placeholders"))

    def _create(self) -> ReturningInsert[Any]:
        return self.dialect.insert_absent(self.rows.columns, ["span_id"], "spans").returning(self.key)

    def _create_traces(self) -> Any:
        columns = [self.tables.traces.c[name] for name in PLACEHOLDER]
        return self.dialect.insert_absent(columns, ["trace_id"], "traces")

    # -- statistics -------------------------------------------------------------------------------------------

    async def stats(
        self,
        page: Page,
        *,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        name: str | None = None,
        span_type: str | None = None,
    ) -> Groups:
        sorting = page.checked(SPAN_GROUPS)
        conditions, parameters = self._started(start_time, end_time)
        components = present(agent_id=agent_id, team_id=team_id, workflow_id=workflow_id)
        for component, value in components.items():
            conditions[component] = partial(self._of_trace, component)
            parameters[f"trace_{component}"] = text_in(value)
        if span_type is not None:
            conditions["type"] = lambda: self._type == bindparam("type", type_=String())
            parameters["type"] = text_in(span_type)
        filters = present(name=name)

        def build(*_: Any) -> Select[Any]:
            where = [*self.equal(filters), *(condition() for condition in conditions.values())]
            return self._by_name(where, bool(components), sorting)

        return await self.groups(
            "stats",
            build,
            Page(page.limit, page.page),
            filters,
            lambda row: group(SPAN_STATS, row),
            parameters=parameters,
            variant=(tuple(sorted(conditions)), sorting.sort_by, sorting.sort_order),
        )

    @property
    def _type(self) -> ColumnElement[Any]:
        return self.dialect.json_text(self.table.c.attributes, SPAN_TYPE)

    def _of_trace(self, component: str) -> ColumnElement[bool]:
        return self.tables.traces.c[component] == bindparam(f"trace_{component}", type_=String())

    def _by_name(self, where: Sequence[ColumnElement[bool]], of_traces: bool, sorting: Page) -> Select[Any]:
        spans, traces = self.table.c, self.tables.traces
        chosen = select(
            spans.name, self._type.label("span_type"), spans.duration_ms, spans.status_code, spans.start_time
        ).where(*where)
        if of_traces:
            chosen = chosen.join(traces, traces.c.trace_id == spans.trace_id)
        rows = ranked(chosen.subquery("rows"), ["name", "span_type"], "duration_ms")
        name, span_type = rows.c.name, rows.c.span_type
        values = {
            "total_calls": func.count(),
            "avg_duration_ms": func.avg(rows.c.duration_ms),
            "p95_duration_ms": p95(rows, "duration_ms"),
            "max_duration_ms": func.max(rows.c.duration_ms),
            "error_count": func.sum(case((rows.c.status_code == "ERROR", 1), else_=0)),
            "last_called_at": func.max(rows.c.start_time),
        }
        sort = values[sorting.sort_by or SPAN_GROUPS.default_sort]
        # Databases differ in where NULL comes.
        order = (sort.asc() if sorting.sort_order == "asc" else sort.desc(), name, span_type.is_(None), span_type)
        labelled = (value.label(label) for label, value in values.items())
        return select(name, span_type, *labelled).group_by(name, span_type).order_by(*order)


def _json(rows: Rows) -> str:
    # Every value is a text or a whole number by now.
    return orjson.dumps(rows).decode()
