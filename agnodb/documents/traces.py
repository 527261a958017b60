"""Traces in a document store. Each knows how many spans it has, which are written in one batch with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from agnodb.contracts.traces import Groups
from agnodb.documents.grouping import page_of
from agnodb.documents.lists import Chosen
from agnodb.documents.repository import DocumentRepository
from agnodb.documents.store import Document, Write
from agnodb.documents.trace_filters import condition
from agnodb.errors import OwnershipError
from agnodb.filters import Page
from agnodb.records.traces import TraceRecord, TraceRow
from agnodb.rules.ownership import may_write
from agnodb.rules.statistics import COMPONENTS, OWNERS, durations, group
from agnodb.rules.times import time_from, time_in, time_now
from agnodb.rules.traces import Asked, Traces, merged_trace

SPANS, ERRORS = "agnodb_spans", "agnodb_errors"


class DocumentTraceRepository(Traces, DocumentRepository[TraceRow]):
    """See `agnodb.contracts.traces.TraceRepository`."""

    beside = (SPANS, ERRORS)

    def read(self, document: Document) -> TraceRecord:
        trace = cast("TraceRecord", self.map.read(document, TraceRecord))
        counts = self.besides(document)
        trace.total_spans, trace.error_count = counts.get(SPANS, 0), counts.get(ERRORS, 0)
        return trace

    # -- reads ------------------------------------------------------------------------------------------------

    async def get(self, *, trace_id: str | None = None, run_id: str | None = None) -> TraceRecord | None:
        if trace_id is not None:
            return cast("TraceRecord | None", await self.one(trace_id))
        if run_id is None:
            return None
        latest, _ = await self.paged(Page(1), self.chosen(run_id=run_id))
        return cast("TraceRecord", latest[0]) if latest else None

    async def _asked(self, page: Page, asked: Asked) -> tuple[list[TraceRecord], int]:
        chosen = self.chosen(**asked.filters)
        if asked.start_time is not None:
            chosen = replace(chosen, ranged="start_time", low=time_from(asked.start_time))
        if asked.end_time is not None or asked.expression is not None:
            chosen = replace(chosen, keep=_fits(asked.end_time, asked.expression))
        rows, total = await self.paged(page, chosen)
        return cast("list[TraceRecord]", rows), total

    # -- statistics -------------------------------------------------------------------------------------------

    async def _grouped(self, page: Page, columns: tuple[str, ...], asked: Asked) -> Groups:
        page = page.checked(self.listing)
        created: dict[str, Any] = {} if asked.start_time is None else {"low": time_from(asked.start_time)}
        if asked.end_time is not None:
            created["high"] = time_in(asked.end_time)
        chosen: Chosen[TraceRow] = replace(
            self.chosen(**asked.filters), ranged="created_at" if created else None, **created
        )
        if asked.expression is not None:
            chosen = replace(chosen, keep=condition(asked.expression))
        key, by_id = columns[0], dict[str, list[TraceRow]]()
        for trace in await self.all_of(chosen):
            if _belongs(trace, key):
                by_id.setdefault(getattr(trace, key), []).append(trace)
        if key == "session_id":
            groups = [{key: name, **_of_session(traces)} for name, traces in sorted(by_id.items())]
            groups.sort(key=lambda found: str(found["last_trace_at"]), reverse=True)
        else:
            groups = [{key: name, **_of_component(traces)} for name, traces in sorted(by_id.items())]
            groups.sort(key=lambda found: -found["total_traces"])
        return page_of([group(columns, found) for found in groups], page)

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, trace: TraceRow) -> None:
        created_at = time_now() if trace.created_at is None else trace.created_at
        times: dict[str, Any] = {name: time_in(getattr(trace, name)) for name in ("start_time", "end_time")}
        new = replace(trace, created_at=time_in(created_at), **times)

        def merged(stored: TraceRow | None) -> TraceRow:
            if stored is None:
                return new
            if not may_write(stored.user_id, trace.user_id):
                raise OwnershipError(trace_id=trace.trace_id, user_id=trace.user_id)
            return merged_trace(stored, new)

        await self.compare_and_set(trace.trace_id, merged)

    def with_spans(self, trace: TraceRow, over: Document | None, spans: int, errors: int) -> Write:
        """The write of `trace`, where `over` is stored, with so many spans more, of which `errors` failed."""
        stored = {} if over is None else self.besides(over)
        counts = {SPANS: stored.get(SPANS, 0) + spans, ERRORS: stored.get(ERRORS, 0) + errors}
        return self.written(trace, over, **counts)


def _fits(end_time: Any, expression: Mapping[str, Any] | None) -> Callable[[TraceRow], bool]:
    """Whether a trace ended by `end_time` and is one of `expression`, as far as they are set."""
    last = None if end_time is None else time_in(end_time)
    asked = None if expression is None else condition(expression)
    return lambda trace: (last is None or trace.end_time <= last) and (asked is None or asked(trace))


def _belongs(trace: TraceRow, key: str) -> bool:
    if key == "name":
        return all(getattr(trace, name) is None for name in COMPONENTS)
    return getattr(trace, key) is not None


def _of_session(traces: list[TraceRow]) -> dict[str, Any]:
    ids = {name: _greatest(getattr(trace, name) for trace in traces) for name in OWNERS}
    return {**ids, "total_traces": len(traces), **_times(traces)}


def _of_component(traces: list[TraceRow]) -> dict[str, Any]:
    return {
        "total_traces": len(traces),
        "total_sessions": len({trace.session_id for trace in traces} - {None}),
        **durations([trace.duration_ms for trace in traces]),
        "error_traces": sum(trace.status == "ERROR" for trace in traces),
        **_times(traces),
    }


def _times(traces: list[TraceRow]) -> dict[str, Any]:
    moments = [trace.created_at for trace in traces if trace.created_at is not None]
    return {"first_trace_at": min(moments, default=None), "last_trace_at": max(moments, default=None)}


def _greatest(values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)
