"""agno's Trace as records, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from agnodb.clock import iso_utc
from agnodb.errors import InvalidValueError
from agnodb.records.traces import TraceRecord, TraceRow

_NAMES: dict[Any, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {}


def fields_of(record: type[Any], value: Any) -> dict[str, Any]:
    """The fields of `record` that `value`, one of agno's objects, has as attributes; datetimes become text."""
    names, get = _names(record)
    try:
        values = get(value)
    except AttributeError as error:
        kind = record.__name__.removesuffix("Record").removesuffix("Row").lower()
        raise InvalidValueError(f"A {kind} is needed here.", detail=str(error)) from error
    return {name: iso_utc(v) if isinstance(v, datetime) else v for name, v in zip(names, values, strict=True)}


def _names(record: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    found = _NAMES.get(record)
    if found is None:
        names = tuple(field.name for field in fields(record))
        found = _NAMES[record] = names, attrgetter(*names)
    return found


class TraceObjects:
    """The trace part of `agnodb.contracts.objects.Objects`."""

    def trace_record(self, trace: Any) -> TraceRow:
        return TraceRow(**fields_of(TraceRow, trace))

    def trace(self, record: TraceRecord) -> Any:
        from agno.tracing.schemas import Trace  # needs OpenTelemetry, which not every user of agno has

        return Trace.from_dict(record.to_dict())
