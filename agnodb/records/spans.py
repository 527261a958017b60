"""A span: one operation inside a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agnodb.records.base import Record


@dataclass(slots=True, kw_only=True)
class SpanRecord(Record):
    """One row of agno_spans. Times are ISO 8601 text; any timezone goes in, UTC comes out."""

    span_id: str
    trace_id: str
    parent_span_id: str | None = None
    name: str
    span_kind: str
    status_code: str
    status_message: str | None = None
    start_time: str
    end_time: str
    duration_ms: int
    attributes: Any = None
    created_at: str | None = None
