"""Values of Firestore as the service compares them, and fields of documents by their paths."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

_SEGMENT = re.compile(r"`((?:[^`\\]|\\.)*)`|([^.`]+)")
_ORDER = (
    "null_value",
    "boolean_value",
    "number",
    "timestamp_value",
    "string_value",
    "bytes_value",
    "reference_value",
    "geo_point_value",
    "array_value",
    "map_value",
)
"""Types in the order in which values of different ones are sorted."""


def path_of(text: str) -> tuple[str, ...]:
    """The names that a field's path goes through."""
    found = _SEGMENT.finditer(text)
    return tuple(re.sub(r"\\(.)", r"\1", one[1]) if one[1] is not None else one[2] for one in found)


def field(fields: Any, path: tuple[str, ...]) -> Any:
    """The value at a path, None where there is none. Nothing is made on the way, as a map of protobuf's would."""
    value = None
    for name in path:
        if fields is None or name not in fields:
            return None
        value = fields[name]
        fields = value.map_value.fields if kind(value) == "map_value" else None
    return value


def put(fields: Any, path: tuple[str, ...], value: Any) -> None:
    """Set the value at a path, through maps that are made where they are missing; None deletes it."""
    *way, last = path
    for name in way:
        if value is None and (name not in fields or kind(fields[name]) != "map_value"):
            return
        fields[name].map_value.SetInParent()
        fields = fields[name].map_value.fields
    if value is None:
        if last in fields:
            del fields[last]
    else:
        fields[last].CopyFrom(value)


def kind(value: Any) -> str:
    """The name of the type of a value."""
    found: str = value.WhichOneof("value_type")
    return found


def number(value: Any) -> float | int | None:
    """A number; None for all else."""
    of = kind(value)
    found: float | int | None = getattr(value, of) if of in ("integer_value", "double_value") else None
    return found


def sort_key(value: Any) -> tuple[Any, ...]:
    """What sorts as the value does: by its type, then by itself."""
    of = kind(value)
    as_number = number(value)
    if as_number is not None:
        # NaN is before all numbers.
        return (2, 0, 0) if math.isnan(as_number) else (2, 1, as_number)
    return (_ORDER.index(of), *_within(of, getattr(value, of)))


def _within(of: str, raw: Any) -> Iterator[Any]:
    if of == "string_value":
        yield raw.encode()
    elif of == "timestamp_value":
        yield from (raw.seconds, raw.nanos)
    elif of == "reference_value":
        yield tuple(segment.encode() for segment in raw.split("/"))
    elif of == "geo_point_value":
        yield from (raw.latitude, raw.longitude)
    elif of == "array_value":
        yield tuple(map(sort_key, raw.values))
    elif of == "map_value":
        yield tuple((name.encode(), sort_key(raw.fields[name])) for name in sorted(raw.fields))
    else:
        yield 0 if of == "null_value" else raw
