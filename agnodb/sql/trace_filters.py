"""agno's filter expressions over the columns of traces, as conditions of prepared statements.

An expression is a dictionary: a comparison ``{"op": "EQ", "key": "status", "value": "OK"}`` (EQ, NEQ, GT, GTE, LT,
LTE, CONTAINS, STARTSWITH), ``{"op": "IN", "key": ..., "values": [...]}``, or AND and OR of "conditions" and NOT of a
"condition". Its structure decides the statement, its values are parameters.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Float, String, Table, Text, and_, bindparam, cast, not_, or_

from agnodb.errors import InvalidValueError
from agnodb.records.traces import TraceRow
from agnodb.rules.times import time_from, time_in
from agnodb.rules.values import text_in
from agnodb.sql.dialects.base import Dialect
from agnodb.sql.searching import any_match, column_patterns

MAX_DEPTH = 10
MAX_CONDITIONS = 500
"""Of one expression; SQLite gives up at an expression of depth 1,000. An IN counts as one."""

_COLUMNS = frozenset(field.name for field in fields(TraceRow))
_TIMES = frozenset({"start_time", "end_time", "created_at"})
_NUMBERS = frozenset({"duration_ms"})
_COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "EQ": operator.eq,
    "NEQ": operator.ne,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}
_MATCHES = ("CONTAINS", "STARTSWITH")

Node = tuple[Any, ...]
"""An operator, then the name of a column and of binds, or nodes."""


class TraceFilter:
    """One filter expression. Raises InvalidValueError, which is a ValueError, for one that makes no sense."""

    def __init__(self, expression: Any, table: Table, dialect: Dialect) -> None:
        self._table, self._dialect = table, dialect
        self._conditions = 0
        self.parameters: dict[str, Any] = {}
        """The values, by the names of their binds."""
        self._node = self._read(expression, 0)

    @property
    def key(self) -> str:
        """Tells expressions of different structure apart; their values make no difference."""
        return repr(self._node)

    def condition(self) -> ColumnElement[bool]:
        """The expression as SQL."""
        return self._build(self._node)

    # -- reading an expression --------------------------------------------------------------------------------

    def _read(self, expression: Any, depth: int) -> Node:
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
            return op, *(self._read(part, depth + 1) for part in parts)
        if op == "NOT":
            return "NOT", self._read(expression.get("condition"), depth + 1)
        if not isinstance(op, str) or op not in (*_COMPARISONS, *_MATCHES, "IN"):
            raise InvalidValueError("There is no such filter operator.", detail=repr(op))
        key = expression.get("key")
        if not isinstance(key, str) or key not in _COLUMNS:
            known = ", ".join(sorted(_COLUMNS))
            raise InvalidValueError(f"Cannot filter by that field. Known: {known}.", detail=repr(key))
        value = expression.get("values" if op == "IN" else "value")
        if value is None:
            raise InvalidValueError(f"{op} needs {'values' if op == 'IN' else 'a value'}.", detail=key)
        return self._compared(op, key, value)

    def _compared(self, op: str, key: str, value: Any) -> Node:
        if op == "IN":
            if not isinstance(value, (list, tuple, set, frozenset)):
                raise InvalidValueError("IN needs a list of 'values'.", detail=repr(type(value)))
            texts = [text for member in value for text in _texts(key, member)]
            return "IN", key, self._bind(self._dialect.texts(texts))
        if op in _MATCHES:
            if key in _NUMBERS:
                raise InvalidValueError("Only a text can contain or start with another.", detail=key)
            text = str(value) if isinstance(value, (int, float)) else value
            return "LIKE", key, *map(self._bind, column_patterns(text, start=op == "STARTSWITH"))
        if key in _NUMBERS:
            return op, key, self._bind(_number(value))
        if key not in _TIMES:
            return op, key, self._bind(text_in(value))
        if op in ("EQ", "NEQ"):  # an instant has two texts
            return op, key, self._bind(time_from(value)), self._bind(time_in(value))
        return op, key, self._bind(time_from(value) if op in ("GTE", "LT") else time_in(value))

    def _bind(self, value: Any) -> str:
        name = f"filter_{len(self.parameters)}"
        self.parameters[name] = value
        return name

    # -- building SQL -----------------------------------------------------------------------------------------

    def _build(self, node: Node) -> ColumnElement[bool]:
        op, *rest = node
        if op in ("AND", "OR"):
            return (and_ if op == "AND" else or_)(*map(self._build, rest))
        if op == "NOT":
            return not_(self._build(rest[0]))
        key, *binds = rest
        column: ColumnElement[Any] = self._table.c[key]
        if op == "IN":
            return self._dialect.any_of(cast(column, Text) if key in _NUMBERS else column, binds[0])
        if op == "LIKE":
            return any_match(self._dialect, column, binds)
        values = [bindparam(name, type_=Float() if key in _NUMBERS else String()) for name in binds]
        if len(values) == 2:
            same = column.between(values[0], values[1])
            return same if op == "EQ" else not_(same)
        return _COMPARISONS[op](column, values[0])


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**63:
        raise InvalidValueError("A number of milliseconds is needed here.", detail=repr(type(value)))
    return float(value)


def _texts(key: str, value: Any) -> tuple[str, ...]:
    """The texts that the column `key` may have for `value`."""
    if key in _TIMES:
        return time_from(value), time_in(value)
    if key in _NUMBERS:
        number = _number(value)
        return (str(int(value) if number.is_integer() else number),)
    return (text_in(value),)
