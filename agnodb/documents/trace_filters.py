"""agno's filter expressions over traces, asked of a record: what has no value is neither true nor false."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from agnodb.records.traces import TraceRow
from agnodb.rules.searching import contains
from agnodb.rules.trace_filters import MATCHES, Comparison, Node, read
from agnodb.text import decode_text, encode_text

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": operator.eq,
    "NEQ": operator.ne,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}


def condition(expression: Any) -> Callable[[TraceRow], bool]:
    """Whether a trace is one of an expression's. Raises InvalidValueError for one that makes no sense."""
    node = read(expression)
    return lambda trace: _asked(node, trace) is True


def _asked(node: Node, trace: TraceRow) -> bool | None:
    if isinstance(node, Comparison):
        value = getattr(trace, node.key)
        return None if value is None else _compared(node, value)
    answers = [_asked(part, trace) for part in node.parts]
    if node.op == "NOT":
        return None if answers[0] is None else not answers[0]
    decisive = node.op == "OR"  # one True decides an OR, one False an AND
    if decisive in answers:
        return decisive
    return None if None in answers else not decisive


def _compared(node: Comparison, value: Any) -> bool:
    if node.op in MATCHES:
        return _matched(node, value)
    stored = encode_text(value) if isinstance(value, str) else value
    if node.op == "IN":
        return stored in node.values
    if len(node.values) == 2:
        return (node.values[0] <= stored <= node.values[1]) is (node.op == "EQ")
    return _OPERATORS[node.op](stored, node.values[0])


def _matched(node: Comparison, value: str) -> bool:
    return contains(decode_text(node.values[0]), start=node.op == "STARTSWITH").search(value) is not None
