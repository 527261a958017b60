"""Between a record and its document: native BSON, so that agno's own adapter and every query read it.

What BSON cannot hold is tagged by the codec, as in a JSON column; two things are so here alone: an integer over 64
bits is tagged wherever it stands, and what is nested deeper than a document may be is a tag with its JSON text.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Table

from agnodb import codec
from agnodb.records.base import Record, column_fields
from agnodb.rules.columns import Checks, Convert, binder
from agnodb.rules.values import INT64, date_in, text_in
from agnodb.text import decode_text

R = TypeVar("R", bound=Record)

MAX_LEVELS = 80
"""Of one value. A document has at most 100 (https://www.mongodb.com/docs/manual/reference/limits/)."""

_DEEP = "json"


def folded(text: str | None) -> Any:
    """The BSON value of a JSON text of the codec."""
    if text is None:
        return None
    root = [codec.tree(text)]
    level: list[Any] = [root]
    for _ in range(MAX_LEVELS):
        below: list[Any] = []
        for container in level:
            for key, item in container.items() if type(container) is dict else enumerate(container):
                if type(item) is dict or type(item) is list:
                    below.append(item)
                elif type(item) is int and not -INT64 <= item < INT64:
                    container[key] = {codec.TAG: ["int", f"{item:x}"]}
        if not below:
            return root[0]
        level = below
    return {codec.TAG: [_DEEP, text]}


def unfolded(value: Any) -> str | None:
    """The JSON text of a stored value."""
    if value is None:
        return None
    if (deep := _deep(value)) is not None:
        return deep
    try:
        text = orjson.dumps(value).decode()
        # NaN, which agno's own adapter stores, would be null.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if "null" in text else text
    except TypeError:  # agno's own adapter stores what it is given: datetimes, bytes
        return codec.encode(codec.untagged(value))


def decoded(value: Any) -> Any:
    """What a stored value stands for."""
    deep = _deep(value)
    return codec.untagged(_plain(value)) if deep is None else codec.decode(deep)


def _plain(value: Any) -> Any:
    """`value` with ints where the driver gives its own kind of them, for those of 64 bits; in place."""
    root = [value]
    containers: list[Any] = [root]
    for container in containers:  # grows meanwhile
        for key, item in container.items() if type(container) is dict else enumerate(container):
            if type(item) is dict or type(item) is list:
                containers.append(item)
            elif isinstance(item, int) and type(item) is not bool and type(item) is not int:
                container[key] = int(item)
    return root[0]


def _deep(value: Any) -> str | None:
    tag = value.get(codec.TAG) if type(value) is dict and len(value) == 1 else None
    return tag[1] if type(tag) is list and len(tag) == 2 and tag[0] == _DEEP and isinstance(tag[1], str) else None


class FieldMap(Generic[R]):
    """Maps `record` to the documents of a collection, whose fields are the columns of `table`."""

    def __init__(self, record: type[R], table: Table) -> None:
        self._record, self._fields = record, column_fields(record)
        self.columns = tuple(self._fields)
        self._checks = Checks(table, self.columns, _binder)
        self._out = {name: _reader(table.c[name]) for name in self.columns}
        self.projection: dict[str, int] = {"_id": 0, **dict.fromkeys(self.columns, 1)}
        """What is read of a document: no field of others, as are agno's old `runs` of a session."""

    def encode(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Fields as they are stored. Raises InvalidValueError for an unknown one or a value it cannot hold."""
        return self._checks.checked(values)

    def values(self, record: R) -> dict[str, Any]:
        """Column name -> value of a record."""
        return {column: getattr(record, name) for column, name in self._fields.items()}

    def read(self, document: Mapping[str, Any], record: type[R] | None = None) -> R:
        """The record of a document; fields that it does not have are None."""
        return (record or self._record)(
            **{
                field: None if (value := document.get(name)) is None else self._out[name](value)
                for name, field in self._fields.items()
            }
        )


def _binder(column: Column[Any]) -> Convert:
    # A day is a text, as agno's adapter has it.
    return binder(column, json=lambda value: folded(codec.encode(value)), date=lambda value: date_in(value).isoformat())


def _reader(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, JSON):
        return decoded
    if isinstance(column.type, Date):
        return lambda value: datetime.date.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(column.type, BigInteger):
        return lambda value: int(value) if isinstance(value, int) else value
    if isinstance(column.type, Boolean):
        return lambda value: value
    return lambda value: decode_text(value) if isinstance(value, str) else value


def equal(values: Mapping[str, Any]) -> dict[str, Any]:
    """A filter for documents whose fields are `values`. Without the operator, a tag would be taken for one."""
    return {name: {"$eq": value} for name, value in values.items()}


def lookup(collection: str, field: str, name: str, pipeline: Sequence[Any] | None = None) -> dict[str, Any]:
    """The stage that gives each document, as `name`, those of `collection` that have the same `field`.

    By one field, and not by a pipeline alone: every server looks that up in an index, where the field has one.
    """
    stage: dict[str, Any] = {"from": collection, "localField": field, "foreignField": field, "as": name}
    return {"$lookup": stage if pipeline is None else {**stage, "pipeline": pipeline}}


def texts(values: Iterable[Any]) -> list[str]:
    """Values for `$in` over a text field."""
    return [text_in(value) for value in values]
