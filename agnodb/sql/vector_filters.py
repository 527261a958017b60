"""agno's filters on metadata, and whose rows are seen, as one condition on a chunk.

A dictionary must be contained in the metadata. An expression compares one of its keys: EQ and IN as agno's PgVector
does, by text, so 2024 is "2024" too, but through the index; GT, GTE, LT and LTE compare numbers with numbers and texts
with texts. A chunk without the key fulfils none of them, and every NOT and NEQ. How metadata are read is a database's
own: see `Metadata`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from agnodb import codec
from agnodb.errors import InvalidValueError

_COMPARISONS = {"GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}
_REFUSED = "The filter is none of agno's: a dictionary, or a list of expressions."


class Metadata(Protocol):
    """How a database reads the metadata of the row `d`."""

    def bound(self, name: str) -> str:
        """The parameter `name`, which is a text."""
        ...

    def contains(self, made: Condition, document: Mapping[str, Any]) -> str:
        """That they contain `document`, as PostgreSQL's ``@>`` says it."""
        ...

    def is_nothing(self, made: Condition, key: str) -> str:
        """That there is no `key`, or null."""
        ...

    def ordered(self, made: Condition, key: str, operator: str, value: Any) -> str:
        """That the value of `key` is a number or a text as `value` is, and compares with it so."""
        ...

    def has_text(self, made: Condition, key: str, value: str) -> str:
        """That `value` is in the text of `key`, in whatever case."""
        ...

    def begins_with(self, made: Condition, key: str, value: str) -> str:
        """That the text of `key` begins with `value`."""
        ...


class JsonbMetadata:
    """See `agnodb.sql.vector_filters.Metadata`. PostgreSQL's, where an index serves `contains`."""

    def bound(self, name: str) -> str:
        return f"CAST(:{name} AS text)"

    def contains(self, made: Condition, document: Mapping[str, Any]) -> str:
        return f"d.meta_data @> CAST(:{made.named(codec.encode(dict(document)))} AS jsonb)"

    def is_nothing(self, made: Condition, key: str) -> str:
        return f"COALESCE(d.meta_data -> {made.bound(key)}, 'null') = 'null'"

    def ordered(self, made: Condition, key: str, operator: str, value: Any) -> str:
        kind, cast = ("string", 'text COLLATE "C"') if isinstance(value, str) else ("number", "numeric")
        named, against = made.bound(key), made.bound(str(value))
        return (
            f"CASE WHEN jsonb_typeof(d.meta_data -> {named}) = '{kind}'"
            f" THEN (d.meta_data ->> {named})::{cast} {operator} {against}::{cast} ELSE false END"
        )

    def has_text(self, made: Condition, key: str, value: str) -> str:
        return f"strpos(lower(d.meta_data ->> {made.bound(key)}), lower({made.bound(value)})) > 0"

    def begins_with(self, made: Condition, key: str, value: str) -> str:
        return f"starts_with(d.meta_data ->> {made.bound(key)}, {made.bound(value)})"


_JSONB = JsonbMetadata()


@dataclass
class Condition:
    """`sql` on the row `d`, and its parameters; without a condition every row is seen."""

    metadata: Metadata = _JSONB
    sql: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    def named(self, value: Any) -> str:
        """The name of a parameter that has `value`."""
        name = f"f{len(self.parameters)}"
        self.parameters[name] = value
        return name

    def bound(self, value: str) -> str:
        """`value` as a parameter in the statement."""
        return self.metadata.bound(self.named(value))


def condition_of(filters: Any, user_id: str | None, metadata: Metadata = _JSONB) -> Condition:
    """What a row must fulfil. Raises InvalidValueError for what is no filter.

    With `user_id` that user's rows are seen and those without an owner, without one all.
    """
    made = Condition(metadata)
    parts = []
    if user_id is not None:
        parts.append(f"(d.user_id = {made.bound(user_id)} OR d.user_id IS NULL)")
    if isinstance(filters, Mapping) and "op" not in filters:
        parts += [metadata.contains(made, filters)] if filters else []
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


def _equal(made: Condition, key: str, value: Any) -> str:
    if value is None:
        return made.metadata.is_nothing(made, key)
    return "(" + " OR ".join(made.metadata.contains(made, {key: same}) for same in _same(value)) + ")"


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


def _ordered(operator: str) -> Callable[[Condition, str, Any], str]:
    return lambda made, key, value: made.metadata.ordered(made, key, operator, value)


def _unequal(made: Condition, key: str, value: Any) -> str:
    return f"({_equal(made, key, value)}) IS NOT TRUE"


_OPERATORS: Mapping[Any, Callable[[Condition, str, Any], str]] = {
    "EQ": _equal,
    "NEQ": _unequal,
    "CONTAINS": lambda made, key, value: made.metadata.has_text(made, key, str(value)),
    "STARTSWITH": lambda made, key, value: made.metadata.begins_with(made, key, str(value)),
    **{name: _ordered(operator) for name, operator in _COMPARISONS.items()},
}
