"""Spans in a document store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from agnodb.contracts.traces import Groups
from agnodb.documents.grouping import page_of
from agnodb.documents.lists import Chosen
from agnodb.documents.repository import ROUNDS, DocumentRepository
from agnodb.documents.store import Document, Refused, TooLarge
from agnodb.documents.traces import DocumentTraceRepository
from agnodb.errors import UnavailableError
from agnodb.filters import Page, present
from agnodb.records.spans import SpanRecord
from agnodb.records.traces import TraceRow
from agnodb.rules.placeholders import placeholders
from agnodb.rules.spans import Spans
from agnodb.rules.statistics import SPAN_GROUPS, SPAN_STATS, SPAN_TYPE, durations, group
from agnodb.rules.times import time_from, time_in
from agnodb.rules.values import text_in
from agnodb.text import decode_text

_TIMES = ("start_time", "end_time", "created_at")


class DocumentSpanRepository(Spans, DocumentRepository[SpanRecord]):
    """See `agnodb.contracts.spans.SpanRepository`."""

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
        filters = present(trace_id=trace_id, parent_span_id=parent_span_id)
        return await self.paged(page, self._named(filters, name, start_time, end_time))

    def _named(self, filters: Any, name: str | None, from_time: Any, to_time: Any) -> Chosen[SpanRecord]:
        """Spans of that name that started from `from_time` to `to_time`, as far as they are set."""
        chosen = self.chosen(**filters)
        if from_time is not None or to_time is not None:
            low = None if from_time is None else time_from(from_time)
            high = None if to_time is None else time_in(to_time)
            chosen = replace(chosen, ranged="start_time", low=low, high=high)
        if name is not None:
            called = decode_text(text_in(name))
            chosen = replace(chosen, keep=lambda span: span.name == called)
        return chosen

    async def earliest(
        self, limit: int | None = None, *, trace_id: str | None = None, parent_span_id: str | None = None
    ) -> list[SpanRecord]:
        chosen = self.chosen(**present(trace_id=trace_id, parent_span_id=parent_span_id))
        rows, _ = await self.paged(Page(limit), chosen)
        return rows

    # -- writes -----------------------------------------------------------------------------------------------

    def _made(self, span: SpanRecord, now: str) -> SpanRecord:
        created = replace(span, created_at=now if span.created_at is None else span.created_at)
        times: dict[str, Any] = {name: time_in(getattr(created, name)) for name in _TIMES}
        timed = replace(created, **times)
        self.map.document(timed, {})
        return timed

    async def _store(self, made: list[SpanRecord], now: str) -> int:
        return sum([await self._create(batch, now) for batch in self._batches(made)])

    def _batches(self, spans: list[SpanRecord]) -> Iterator[list[SpanRecord]]:
        """Parts that are one batch each, with a trace for each span at the most."""
        most = max(self._executor.capabilities.batch // 2, 1)
        for first in range(0, len(spans), most):
            yield spans[first : first + most]

    async def _create(self, spans: list[SpanRecord], now: str) -> int:
        """Store those of `spans` that are not stored, with the counts of their traces; their number."""
        traces = DocumentTraceRepository(self._executor, self.collections)
        ids = sorted({span.trace_id for span in spans})
        addresses = [*(self.address(i, "traces") for i in ids), *(self.address(span.span_id) for span in spans)]
        for round in range(ROUNDS):
            found = await self._executor.get(addresses)
            taken = found[len(ids) :]
            new = [span for span, other in zip(spans, taken, strict=True) if other is None]
            if not new:
                return 0
            counted = self._counted(traces, dict(zip(ids, found, strict=False)), new, now)
            try:
                await self._executor.write([*counted, *(self.written(span, None) for span in new)])
            except Refused:
                await self._executor.pause(round)
                continue
            except TooLarge:
                half = len(spans) // 2
                return await self._create(spans[:half], now) + await self._create(spans[half:], now)
            return len(new)
        raise UnavailableError(detail="others write these traces all the time")

    def _counted(
        self, traces: DocumentTraceRepository, stored: dict[str, Document | None], new: list[SpanRecord], now: str
    ) -> list[Any]:
        """The writes of the traces of `new` spans. The traces first: what fails in between leaves no span of none."""
        rows = [{name: getattr(span, name) for name in ("trace_id", "start_time", "end_time")} for span in new]
        writes = []
        for row in placeholders(rows, now):
            over = stored[row["trace_id"]]
            trace = TraceRow(**row) if over is None else traces.read(over)
            own = [span for span in new if span.trace_id == row["trace_id"]]
            writes.append(traces.with_spans(trace, over, len(own), sum(span.status_code == "ERROR" for span in own)))
        return writes

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
        page = page.checked(SPAN_GROUPS)
        kind = None if span_type is None else decode_text(text_in(span_type))
        found = await self.all_of(self._named({}, name, start_time, end_time))
        components = present(agent_id=agent_id, team_id=team_id, workflow_id=workflow_id)
        if components:
            found = await self._of_components(found, components)
        groups: dict[tuple[str, str | None], list[SpanRecord]] = {}
        for span in found:
            if kind is None or _type(span) == kind:
                groups.setdefault((span.name, _type(span)), []).append(span)
        rows = [{"name": key[0], "span_type": key[1], **_of(spans)} for key, spans in groups.items()]
        rows.sort(key=lambda row: (row["name"], row["span_type"] is None, row["span_type"] or ""))
        rows.sort(key=lambda row: row[str(page.sort_by)], reverse=page.sort_order == "desc")
        return page_of([group(SPAN_STATS, row) for row in rows], page)

    async def _of_components(self, spans: list[SpanRecord], components: dict[str, Any]) -> list[SpanRecord]:
        traces = DocumentTraceRepository(self._executor, self.collections)
        ids = {trace.trace_id for trace in await traces.all_of(traces.chosen(**components))}
        return [span for span in spans if span.trace_id in ids]


def _type(span: SpanRecord) -> str | None:
    kind = span.attributes.get(SPAN_TYPE) if isinstance(span.attributes, dict) else None
    return kind if isinstance(kind, str) else None


def _of(spans: list[SpanRecord]) -> dict[str, Any]:
    return {
        "total_calls": len(spans),
        **durations([span.duration_ms for span in spans]),
        "error_count": sum(span.status_code == "ERROR" for span in spans),
        "last_called_at": max(span.start_time for span in spans),
    }
