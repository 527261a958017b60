"""agno's filter expressions over the columns of traces, read and checked; a family makes its conditions of them.

An expression is a dictionary: a comparison ``{"op": "EQ", "key": "status", "value": "OK"}`` (EQ, NEQ, GT, GTE, LT,
LTE, CONTAINS, STARTSWITH), ``{"op": "IN", "key": ..., "values": [...]}``, or AND and OR of "conditions" and NOT of a
"condition".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.records.traces import TraceRow
from agnodb.rules.times import time_from, time_in
from agnodb.rules.values import text_in

MAX_DEPTH = 10
MAX_CONDITIONS = 500
"""Of one expression; SQLite gives up at an expression of depth 1,000. An IN counts as one."""

NUMBERS = frozenset({"duration_ms"})
COMPARISONS = ("EQ", "NEQ", "GT", "GTE", "LT", "LTE")
MATCHES = ("CONTAINS", "STARTSWITH")

_COLUMNS = frozenset(field.name for field in fields(TraceRow))
_TIMES = frozenset({"start_time", "end_time", "created_at"})


@dataclass(frozen=True, slots=True)
class Group:
    """AND, OR or NOT of `parts`."""

    op: str
    parts: tuple[Group | Comparison, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`key` compared with `values`. Of EQ and NEQ two are the first and the last text of one instant; of IN each is a
    text, or a number of `NUMBERS`; of the others there is one."""

    op: str
    key: str
    values: tuple[Any, ...]


Node = Group | Comparison


def read(expression: Any) -> Node:
    """The checked form of an expression. Raises InvalidValueError, which is a ValueError, for one without sense."""
    return _Reading().node(expression, 0)


class _Reading:
    def __init__(self) -> None:
        self._conditions = 0

    def node(self, expression: Any, depth: int) -> Node:
        self._conditions += 1
        if depth > MAX_DEPTH or self._conditions > MAX_CONDITIONS:
            raise InvalidValueError(
                f"A filter may be nested {MAX_DEPTH} deep and have {MAX_CONDITIONS} conditions, not more."
            )
        if not isinstance(expression, Mapping):
            raise InvalidValueError("A filter must be a dictionary with an 'op'.", detail=repr(type(expression)))
        op = expression.get("op")
        if op in ("AND", "OR"):
            parts = expression.get("conditions")
            if not isinstance(parts, (list, tuple)) or not parts:
                raise InvalidValueError(f"{op} needs a list of 'conditions'.")
            return Group(op, tuple(self.node(part, depth + 1) for part in parts))
        if op == "NOT":
            return Group("NOT", (self.node(expression.get("condition"), depth + 1),))
        if not isinstance(op, str) or op not in (*COMPARISONS, *MATCHES, "IN"):
            raise InvalidValueError("There is no such filter operator.", detail=repr(op))
        key = expression.get("key")
        if not isinstance(key, str) or key not in _COLUMNS:
            known = ", ".join(sorted(_COLUMNS))
            raise InvalidValueError(f"Cannot filter by that field. Known: {known}.", detail=repr(key))
        value = expression.get("values" if op == "IN" else "value")
        if value is None:
            raise InvalidValueError(f"{op} needs {'values' if op == 'IN' else 'a value'}.", detail=key)
        return Comparison(op, key, _values(op, key, value))


def _values(op: str, key: str, value: Any) -> tuple[Any, ...]:
    if op == "IN":
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise InvalidValueError("IN needs a list of 'values'.", detail=repr(type(value)))
        return tuple(made for member in value for made in _members(key, member))
    if op in MATCHES:
        if key in NUMBERS:
            raise InvalidValueError("Only a text can contain or start with another.", detail=key)
        return (text_in(str(value) if isinstance(value, (int, float)) else value),)
    if key in NUMBERS:
        return (_number(value),)
    if key not in _TIMES:
        return (text_in(value),)
    if op in ("EQ", "NEQ"):  # an instant has two texts
        return time_from(value), time_in(value)
    return (time_from(value) if op in ("GTE", "LT") else time_in(value),)


def _members(key: str, value: Any) -> tuple[Any, ...]:
    """What the column `key` may have for `value`."""
    if key in _TIMES:
        return time_from(value), time_in(value)
    return (_number(value),) if key in NUMBERS else (text_in(value),)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**63:
        raise InvalidValueError("A number of milliseconds is needed here.", detail=repr(type(value)))
    return float(value)
