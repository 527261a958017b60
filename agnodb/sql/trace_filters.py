"""Filter expressions over traces as conditions of prepared statements, see `agnodb.rules.trace_filters`.

The structure of an expression decides the statement, its values are parameters.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Float, String, Table, Text, and_, bindparam, cast, not_, or_

from agnodb.rules.trace_filters import MATCHES, NUMBERS, Comparison, Group, Node, read
from agnodb.sql.dialects.base import Dialect
from agnodb.sql.searching import any_match, column_patterns

_COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "EQ": operator.eq,
    "NEQ": operator.ne,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}

_Bound = tuple[Any, ...]
"""An operator, then the name of a column and of binds, or what is bound of its parts."""


class TraceFilter:
    """One filter expression. Raises InvalidValueError, which is a ValueError, for one that makes no sense."""

    def __init__(self, expression: Any, table: Table, dialect: Dialect) -> None:
        self._table, self._dialect = table, dialect
        self.parameters: dict[str, Any] = {}
        """The values, by the names of their binds."""
        self._node = self._bound(read(expression))

    @property
    def key(self) -> str:
        """Tells expressions of different structure apart; their values make no difference."""
        return repr(self._node)

    def condition(self) -> ColumnElement[bool]:
        """The expression as SQL."""
        return self._build(self._node)

    def _bound(self, node: Node) -> _Bound:
        if isinstance(node, Group):
            return node.op, *map(self._bound, node.parts)
        return self._compared(node)

    def _compared(self, node: Comparison) -> _Bound:
        if node.op == "IN":
            return "IN", node.key, self._bind(self._dialect.texts(map(_text, node.values)))
        if node.op in MATCHES:
            (text,) = node.values
            return "LIKE", node.key, *map(self._bind, column_patterns(text, start=node.op == "STARTSWITH"))
        return node.op, node.key, *map(self._bind, node.values)

    def _bind(self, value: Any) -> str:
        name = f"filter_{len(self.parameters)}"
        self.parameters[name] = value
        return name

    def _build(self, node: _Bound) -> ColumnElement[bool]:
        op, *rest = node
        if op in ("AND", "OR"):
            return (and_ if op == "AND" else or_)(*map(self._build, rest))
        if op == "NOT":
            return not_(self._build(rest[0]))
        key, *binds = rest
        column: ColumnElement[Any] = self._table.c[key]
        if op == "IN":
            return self._dialect.any_of(cast(column, Text) if key in NUMBERS else column, binds[0])
        if op == "LIKE":
            return any_match(self._dialect, column, binds)
        values = [bindparam(name, type_=Float() if key in NUMBERS else String()) for name in binds]
        if len(values) == 2:
            same = column.between(values[0], values[1])
            return same if op == "EQ" else not_(same)
        return _COMPARISONS[op](column, values[0])


def _text(value: Any) -> str:
    """A value of an IN as the text of its column."""
    return value if isinstance(value, str) else str(int(value) if value.is_integer() else value)
