"""agno's Span as records, and back."""

from __future__ import annotations

from typing import Any

from agnodb.agno.traces import fields_of
from agnodb.records.spans import SpanRecord


class SpanObjects:
    """The span part of `agnodb.contracts.objects.Objects`."""

    def span_record(self, span: Any) -> SpanRecord:
        return SpanRecord(**fields_of(SpanRecord, span))

    def span(self, record: SpanRecord) -> Any:
        from agno.tracing.schemas import Span  # needs OpenTelemetry, which not every user of agno has

        return Span.from_dict(record.to_dict())
