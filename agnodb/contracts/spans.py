"""The repository of spans."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from agnodb.filters import Page
from agnodb.records.spans import SpanRecord

Spans = list[SpanRecord]
Groups = tuple[list[dict[str, Any]], int]
"""A page of groups, and the number of all groups."""


class SpanRepository(Protocol):
    """Spans by id, and the spans of traces."""

    async def get(self, span_id: str) -> SpanRecord | None:
        """The span, or None."""
        ...

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
        """One page of spans, by default the earliest first, and the number of all that match.

        Those that started from `start_time` to `end_time`, both included. Raises InvalidValueError.
        """
        ...

    async def earliest(
        self, limit: int | None = None, *, trace_id: str | None = None, parent_span_id: str | None = None
    ) -> Spans:
        """At most `limit` spans in the order of their start, without counting the rest. No limit means all."""
        ...

    async def create_many(self, spans: Iterable[SpanRecord]) -> int:
        """Store the spans that are not stored yet; their number. Atomic, one write for any number of spans.

        A span whose id is taken is left as stored, and not counted; so is one that an earlier attempt of the same call
        had stored before its connection was lost. Where a trace is unknown, a placeholder is stored for it, see
        `TraceRepository.upsert`. Spans that cannot be stored do not keep the others from it: they raise
        InvalidValueError afterwards (facts: `refused`, their number).
        """
        ...

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
        """One page of groups by name and type, and the number of all groups; by default the busiest first.

        Each has `name`, `span_type`, `total_calls`, `error_count`, the average, 95th percentile and maximum of the
        duration in milliseconds, and `last_called_at` (a datetime); all but the first two can be sorted by. Counted
        are spans that started from `start_time` to `end_time`, of traces of those components. Raises
        InvalidValueError.
        """
        ...
