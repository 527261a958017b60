"""How values are compared: equal, and of the same type."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any


def canonical(value: Any) -> Any:
    """A form in which equal means the same value of the same type; NaN and sNaN included."""
    match value:
        case dict():
            items = [(canonical(key), canonical(item)) for key, item in value.items()]
            return ("dict", sorted(items, key=repr))
        case set() | frozenset():
            return (type(value).__name__, sorted(map(canonical, value), key=repr))
        case list() | tuple():
            return (type(value).__name__, [canonical(item) for item in value])
        case datetime() | time():
            return (type(value).__name__, value.isoformat(), value.fold)
        case int() if type(value) is int:
            return ("int", hex(value))
        case _:
            return (type(value).__name__, repr(value))
