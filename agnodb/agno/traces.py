"""agno's Trace as records, and back."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.records.traces import TraceRecord, TraceRow


def fields_of(record: type[Any], value: Any) -> dict[str, Any]:
    """The fields of `record` that `value`, one of agno's objects, has as attributes; datetimes become text."""
    try:
        values = {field.name: getattr(value, field.name) for field in fields(record)}
    except AttributeError as error:
        kind = record.__name__.removesuffix("Record").removesuffix("Row").lower()
        raise InvalidValueError(f"A {kind} is needed here.", detail=str(error)) from error
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in values.items()}


class TraceObjects:
    """The trace part of `agnodb.contracts.objects.Objects`."""

    def trace_record(self, trace: Any) -> TraceRow:
        return TraceRow(**fields_of(TraceRow, trace))

    def trace(self, record: TraceRecord) -> Any:
        from agno.tracing.schemas import Trace  # needs OpenTelemetry, which not every user of agno has

        return Trace.from_dict(record.to_dict())
