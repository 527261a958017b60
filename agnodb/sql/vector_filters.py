"""agno's filters on metadata, and whose rows are seen, as one condition on a chunk.

A dictionary must be contained in the metadata. An expression compares one of its keys: EQ and IN as agno's PgVector
does, by text, so 2024 is "2024" too, but through the index; GT, GTE, LT and LTE compare numbers with numbers and texts
with texts. A chunk without the key fulfils none of them, and every NOT and NEQ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from agnodb import codec
from agnodb.errors import InvalidValueError

_COMPARISONS = {"GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}
_REFUSED = "The filter is none of agno's: a dictionary, or a list of expressions."


@dataclass
class Condition:
    """`sql` on the row `d`, and its parameters; without a condition every row is seen."""

    sql: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


def condition_of(filters: Any, user_id: str | None) -> Condition:
    """What a row must fulfil. Raises InvalidValueError for what is no filter.

    With `user_id` that user's rows are seen and those without an owner, without one all.
    """
    made = Condition()
    parts = []
    if user_id is not None:
        parts.append(f"(d.user_id = {_bound(made, user_id)} OR d.user_id IS NULL)")
    if isinstance(filters, Mapping) and "op" not in filters:
        parts += [_contains(made, filters)] if filters else []
    elif filters is not None:
        given = filters if isinstance(filters, Sequence) and not isinstance(filters, str) else [filters]
        parts += [_expression(made, one) for one in given]
    made.sql = " AND ".join(parts)
    return made


def _expression(made: Condition, given: Any) -> str:
    described = given.to_dict() if hasattr(given, "to_dict") else given
    if not isinstance(described, Mapping):
        raise InvalidValueError(_REFUSED)
    op = described.get("op")
    try:
        if op in ("AND", "OR"):
            parts = [_expression(made, one) for one in described["conditions"]]
            return f"({f' {op} '.join(parts)})" if parts else ("true" if op == "AND" else "false")
        if op == "NOT":
            return f"({_expression(made, described['condition'])}) IS NOT TRUE"
        if op == "IN":
            return _one_of(made, described["key"], described["values"])
        compared = _OPERATORS[op]
        return compared(made, described["key"], described["value"])
    except (KeyError, TypeError) as error:
        raise InvalidValueError(_REFUSED, detail=f"{type(error).__name__}: {error}") from None


def _bound(made: Condition, value: str) -> str:
    name = f"f{len(made.parameters)}"
    made.parameters[name] = value
    return f"CAST(:{name} AS text)"


def _contains(made: Condition, document: Mapping[str, Any]) -> str:
    name = f"f{len(made.parameters)}"
    made.parameters[name] = codec.encode(dict(document))
    return f"d.meta_data @> CAST(:{name} AS jsonb)"


def _equal(made: Condition, key: str, value: Any) -> str:
    if value is None:
        return f"COALESCE(d.meta_data -> {_bound(made, key)}, 'null') = 'null'"
    return "(" + " OR ".join(_contains(made, {key: same}) for same in _same(value)) + ")"


def _one_of(made: Condition, key: str, values: Sequence[Any]) -> str:
    return "(" + " OR ".join(_equal(made, key, value) for value in values) + ")" if values else "false"


def _same(value: Any) -> list[Any]:
    """`value`, and what has the same text in JSON."""
    if isinstance(value, str):
        try:
            read = orjson.loads(value)
        except orjson.JSONDecodeError:
            return [value]
        return [value, read] if isinstance(read, int | float) else [value]
    return [value, orjson.dumps(value).decode()] if isinstance(value, int | float) else [value]


def _compared(operator: str) -> Callable[[Condition, str, Any], str]:
    def compare(made: Condition, key: str, value: Any) -> str:
        kind, cast = ("string", 'text COLLATE "C"') if isinstance(value, str) else ("number", "numeric")
        named, against = _bound(made, key), _bound(made, str(value))
        return (
            f"CASE WHEN jsonb_typeof(d.meta_data -> {named}) = '{kind}'"
            f" THEN (d.meta_data ->> {named})::{cast} {operator} {against}::{cast} ELSE false END"
        )

    return compare


def _text(sql: str) -> Callable[[Condition, str, Any], str]:
    def compare(made: Condition, key: str, value: Any) -> str:
        return sql.format(text=f"(d.meta_data ->> {_bound(made, key)})", value=_bound(made, str(value)))

    return compare


def _unequal(made: Condition, key: str, value: Any) -> str:
    return f"({_equal(made, key, value)}) IS NOT TRUE"


_OPERATORS: Mapping[Any, Callable[[Condition, str, Any], str]] = {
    "EQ": _equal,
    "NEQ": _unequal,
    "CONTAINS": _text("strpos(lower({text}), lower({value})) > 0"),
    "STARTSWITH": _text("starts_with({text}, {value})"),
    **{name: _compared(operator) for name, operator in _COMPARISONS.items()},
}
