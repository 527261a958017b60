"""Values that databases and JSON libraries are known to lose, alter or choke on, and how they are compared."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

ODD_TEXT = ("", " ", "a\x00b", "\ud800", "\x1b[31mred", "\uffff", "$agnodb:x", "🤖é", "%_\\'\"", "a" * 500)
"""Texts that come back as they are, from a text column and from a document."""

ODD_VALUES: tuple[Any, ...] = (
    *ODD_TEXT,
    None,
    True,
    0,
    -(2**63),
    2**64,
    10**40,
    0.1,
    1e-300,
    float("inf"),
    float("-inf"),
    decimal.Decimal("1.10"),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC),
    datetime.datetime(2026, 1, 2),
    datetime.date(2026, 1, 2),
    datetime.time(1, 2, 3),
    datetime.timedelta(days=1, microseconds=1),
    uuid.UUID(int=7),
    b"\x00\xff",
    {1, "a"},
    frozenset({1}),
    {},
    [],
    {"a\x00b": 1, "\ud800": 2, "": 3},
    {1: "a", None: "b", 2.5: "c", (1, 2): "d"},
    {"$agnodb": ["float", "nan"]},
    {"nested": [{"deep": [{"er": {"set": {1}}}]}]},
)
"""Values that come back equal, from anywhere in a document."""


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
        case datetime.datetime() | datetime.time():
            return (type(value).__name__, value.isoformat(), value.fold)
        case int() if type(value) is int:
            return ("int", hex(value))
        case _:
            return (type(value).__name__, repr(value))
