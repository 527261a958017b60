"""Filter expressions over traces as filters of MongoDB, see `agnodb.rules.trace_filters`.

As in SQL, what is not there is neither equal nor different: every comparison leaves it out, inside a NOT too.
"""

from __future__ import annotations

from typing import Any

from agnodb.mongo.searching import contains
from agnodb.rules.trace_filters import MATCHES, Comparison, Node, read

_OPERATORS = {"EQ": "$eq", "NEQ": "$ne", "GT": "$gt", "GTE": "$gte", "LT": "$lt", "LTE": "$lte"}
_OPPOSITE = {"EQ": "NEQ", "NEQ": "EQ", "GT": "LTE", "GTE": "LT", "LT": "GTE", "LTE": "GT"}


def condition(expression: Any) -> dict[str, Any]:
    """The filter of an expression. Raises InvalidValueError for one that makes no sense."""
    return _made(read(expression), negated=False)


def _made(node: Node, *, negated: bool) -> dict[str, Any]:
    if isinstance(node, Comparison):
        return _compared(node, negated=negated)
    if node.op == "NOT":
        return _made(node.parts[0], negated=not negated)
    all_of = (node.op == "AND") is not negated
    return {"$and" if all_of else "$or": [_made(part, negated=negated) for part in node.parts]}


def _compared(node: Comparison, *, negated: bool) -> dict[str, Any]:
    key, values = node.key, list(node.values)
    there = {key: {"$ne": None}}
    if node.op == "IN":
        return {"$and": [there, {key: {"$nin" if negated else "$in": values}}]}
    if node.op in MATCHES:
        matched = contains(values[0], start=node.op == "STARTSWITH")
        return {"$and": [there, {key: {"$not": matched}}]} if negated else {key: matched}
    if len(values) == 2:
        inside = {"$gte": values[0], "$lte": values[1]}
        within = (node.op == "EQ") is not negated
        return {key: inside} if within else {"$and": [there, {key: {"$not": inside}}]}
    op = _OPPOSITE[node.op] if negated else node.op
    return {"$and": [there, {key: {_OPERATORS[op]: values[0]}}]}
