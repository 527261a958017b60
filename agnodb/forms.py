"""What stands for a value that is not exactly of a type the codec writes: see `agnodb.codec` for the order of forms."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any
from uuid import UUID

_CONTAINERS = frozenset({dict, list, tuple, set, frozenset})
# Not by methods that a subclass could answer with something else: str() of an Enum is its name.
_EXACT: dict[type, Callable[[Any], Any]] = {
    **{kind: kind for kind in (Decimal, bytes, *_CONTAINERS)},
    bytearray: bytes,
    memoryview: bytes,
    deque: list,
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    UUID: lambda value: UUID(int=value.int),
    datetime: lambda value: datetime.combine(value, datetime.timetz(value)),
    date: lambda value: date(value.year, value.month, value.day),
    time: lambda value: time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold),
    timedelta: lambda value: timedelta(value.days, value.seconds, value.microseconds),
}
_JSON_LIKE = (NoneType, bool, *_EXACT)
OWN = frozenset(_JSON_LIKE) - {bytearray, memoryview, deque}
"""The types whose values are read back as what they were."""

# A class has these methods too, but they raise without `self`; fields are asked of the type for that reason.
_FORMS: tuple[Callable[[Any], Any], ...] = (
    lambda value: value.model_dump(),
    lambda value: value.to_dict(),
    lambda value: {field.name: getattr(value, field.name) for field in dataclasses.fields(type(value))},
    lambda value: value.tolist(),
    lambda value: dict(value) if isinstance(value, Mapping) else NotImplemented,
)


def lower(value: Any) -> Any:
    """What stands for `value`, exactly of one of the types of `OWN`."""
    kind = type(value)
    if kind in OWN:
        return value
    try:
        if issubclass(kind, Enum):  # before its base class: an Enum of str is a str too
            return lower(value.value)
        base = next((base for base in kind.__mro__ if base in _EXACT), None)
        if base is not None:
            return _EXACT[base](value)
    except RecursionError:
        raise
    except Exception:  # a subclass may do anything
        return text_of(value)
    for form in _FORMS:
        try:
            lowered = form(value)
            if isinstance(lowered, _JSON_LIKE):  # a mock answers every method with another mock
                return lower(lowered)
        except Exception:
            continue
    return text_of(value)


def text_of(value: Any) -> str:
    """The text of any value, by `str()`, else `repr()`, else the name of its class."""
    for form in (str, repr):
        try:
            return str.__str__(form(value))
        except Exception:
            continue
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
