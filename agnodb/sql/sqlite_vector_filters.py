"""How metadata are read in SQLite, by paths into their JSON text. See `agnodb.sql.vector_filters`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agnodb import codec
from agnodb.errors import InvalidValueError
from agnodb.sql.vector_filters import Condition

_LARGEST = 2**63
_NUMBER = "IN ('integer', 'real')"


class SqliteMetadata:
    """See `agnodb.sql.vector_filters.Metadata`. Only ASCII letters have another case. Raises InvalidValueError for a
    key that has quotes, backslashes or control characters, which no path of SQLite can name."""

    def bound(self, name: str) -> str:
        return f":{name}"

    def contains(self, made: Condition, document: Mapping[str, Any]) -> str:
        return _within(made, "d.meta_data", "$", json.loads(codec.encode(dict(document))))

    def is_nothing(self, made: Condition, key: str) -> str:
        return f"COALESCE({_kind(made, key)}, 'null') = 'null'"

    def ordered(self, made: Condition, key: str, operator: str, value: Any) -> str:
        if not isinstance(value, str | int | float):
            return "false"
        kind = "= 'text'" if isinstance(value, str) else _NUMBER
        compared = f"{_value(made, key)} {operator} :{made.named(_number(value))}"
        return f"CASE WHEN {_kind(made, key)} {kind} THEN {compared} ELSE false END"

    def has_text(self, made: Condition, key: str, value: str) -> str:
        return f"instr(lower({_value(made, key)}), lower({made.bound(value)})) > 0"

    def begins_with(self, made: Condition, key: str, value: str) -> str:
        given = made.bound(value)
        return f"substr({_value(made, key)}, 1, length({given})) = {given}"


def _kind(made: Condition, key: str) -> str:
    return f"json_type(d.meta_data, :{made.named(_path('$', key))})"


def _value(made: Condition, key: str) -> str:
    return f"json_extract(d.meta_data, :{made.named(_path('$', key))})"


def _path(path: str, key: str) -> str:
    if not isinstance(key, str):
        raise TypeError("a key is a text")
    if any(sign in '"\\' or sign < " " for sign in key):
        raise InvalidValueError("A filter in SQLite has no quotes, backslashes or control characters in its keys.")
    return f'{path}."{key}"'


def _within(made: Condition, source: str, path: str, wanted: Any) -> str:
    """That what is at `path` of the JSON `source` contains `wanted`."""
    at = f":{made.named(path)}"
    return _matches(made, f"json_type({source}, {at})", f"json_extract({source}, {at})", wanted, (source, path, at))


def _matches(made: Condition, kind: str, value: str, wanted: Any, place: tuple[str, str, str]) -> str:
    source, path, at = place
    if isinstance(wanted, dict):
        parts = [_within(made, source, _path(path, key), one) for key, one in wanted.items()]
        return "(" + " AND ".join([f"{kind} = 'object'", *parts]) + ")"
    if isinstance(wanted, list):
        parts = [_has_element(made, source, at, one) for one in wanted]
        return "(" + " AND ".join([f"{kind} = 'array'", *parts]) + ")"
    if wanted is None or isinstance(wanted, bool):
        return f"{kind} = '{json.dumps(wanted)}'"
    of_kind = "= 'text'" if isinstance(wanted, str) else _NUMBER
    return f"({kind} {of_kind} AND {value} = :{made.named(_number(wanted))})"


def _has_element(made: Condition, source: str, at: str, wanted: Any) -> str:
    name = f"e{len(made.parameters)}"
    root = f":{made.named('$')}"
    matched = _matches(made, f"{name}.type", f"{name}.atom", wanted, (f"{name}.value", "$", root))
    return f"EXISTS (SELECT 1 FROM json_each({source}, {at}) AS {name} WHERE {matched})"


def _number(value: Any) -> Any:
    """`value` as SQLite has it: an integer of more than 64 bits is a float there."""
    return float(value) if isinstance(value, int) and not -_LARGEST <= value < _LARGEST else value
