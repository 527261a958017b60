"""agno's span methods."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agnodb.databases.methods.base import Methods
from agnodb.databases.methods.traces import page_or_all
from agnodb.errors import InvalidValueError
from agnodb.records.spans import SpanRecord


class SpanMethods(Methods):
    """Spans: they may come in any order, more than once, and before their trace."""

    async def create_span(self, span: Any) -> None:
        """Store the span, if its id is not taken. Atomic, see `create_spans`."""
        await self.create_spans([span])

    async def create_spans(self, spans: list[Any]) -> None:
        """Store the spans whose ids are not taken. Atomic, one write for any number of spans.

        Where a trace is unknown, a placeholder is stored that the trace itself replaces later. Spans that cannot be
        stored raise InvalidValueError after the others were stored.
        """
        records: list[SpanRecord] = []
        failure: InvalidValueError | None = None
        for span in spans:
            try:
                records.append(self.objects.span_record(span))
            except InvalidValueError as error:
                failure = failure or error
        await self.repositories.spans.create_many(records)
        if failure is not None:
            raise failure

    async def get_span(self, span_id: str) -> Any:
        """The span, or None."""
        span = await self.repositories.spans.get(span_id)
        return None if span is None else self.objects.span(span)

    async def get_spans(
        self, trace_id: str | None = None, parent_span_id: str | None = None, limit: int | None = 1000
    ) -> list[Any]:
        """At most `limit` spans in the order of their start; no `limit`, or 0, means all. One statement."""
        spans = await self.repositories.spans.earliest(
            limit or None, trace_id=trace_id or None, parent_span_id=parent_span_id or None
        )
        return [self.objects.span(span) for span in spans]

    async def get_span_stats(
        self,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        name: str | None = None,
        span_type: str | None = None,
        limit: int | None = 20,
        page: int | None = 1,
        sort_by: str = "total_calls",
        sort_order: str = "desc",
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of statistics by name and type, and the number of groups. One statement.

        Each has `name`, `span_type`, `total_calls`, `avg_duration_ms`, `p95_duration_ms` and `max_duration_ms`
        (milliseconds, to one digit), `error_count`, `last_called_at` (a datetime). No `limit` means all. Raises
        InvalidValueError, also for an unknown `sort_by`.
        """
        return await self.repositories.spans.stats(
            page_or_all(limit, page, sort_by=sort_by, sort_order=sort_order),
            agent_id=agent_id or None,
            team_id=team_id or None,
            workflow_id=workflow_id or None,
            start_time=start_time,
            end_time=end_time,
            name=name or None,
            span_type=span_type or None,
        )
