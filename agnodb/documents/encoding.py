"""Between a record and its document: the text of all columns, and the fields that indexes are over."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Date, Table

from agnodb import codec
from agnodb.documents.indexes import LATEST
from agnodb.documents.store import Document, Scalar
from agnodb.records.base import Record, column_fields
from agnodb.rules.columns import Checks, Convert, binder
from agnodb.rules.values import key_in, text_in
from agnodb.text import decode_text, encode_text

R = TypeVar("R", bound=Record)

Derived = Callable[[Any], Mapping[str, Any]]
"""Further fields of a record, which no column has."""


def new_version() -> str:
    """A version that no document ever had."""
    return secrets.token_hex(8)


def scalar(value: Any) -> Scalar:
    """A value of a column as an index has it."""
    if isinstance(value, str):
        return encode_text(value)
    return value.isoformat() if isinstance(value, datetime.date) else int(value)


def owner_list(user_id: str | None) -> str:
    """The value of the field `owner`: what is nobody's is a list too, and not that of a user without a name."""
    return "" if user_id is None else f"={user_id}"


class DocumentMap(Generic[R]):
    """Maps `record` to the documents of a collection; a document has its columns, and `kept` of them as fields."""

    def __init__(self, record: type[R], table: Table, key: str, kept: frozenset[str], derived: Derived) -> None:
        self._record, self._columns, self.key = record, column_fields(record), key
        self._checks = Checks(table, self._columns, _binder)
        self._dates = [name for name in self._columns if isinstance(table.c[name].type, Date)]
        self._dated = LATEST in kept
        self._kept, self._derived = [name for name in self._columns if name in kept], derived

    def checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Columns as they are stored. Raises InvalidValueError for an unknown one or a value it cannot hold."""
        return self._checks.checked(values)

    def scalars(self, filters: Mapping[str, Any]) -> dict[str, Scalar]:
        """Columns as fields have them, for equalities. Raises InvalidValueError."""
        return {name: scalar(value) for name, value in self.checked(filters).items()}

    def document(self, record: R, beside: Mapping[str, Any]) -> Document:
        """The document of a record, of a new version, with what is `beside` its columns. Raises InvalidValueError."""
        columns = self.checked({column: getattr(record, name) for column, name in self._columns.items()})
        fields = {name: columns[name] for name in self._kept} | dict(self._derived(record))
        if self._dated:  # what was never changed counts by its creation
            changed = columns["created_at"] if columns["updated_at"] is None else columns["updated_at"]
            fields[LATEST] = None if changed is None else -changed
        for name in self._dates:
            columns[name] = None if columns[name] is None else columns[name].isoformat()
        # Each by itself: a value may be nested as deep as the codec allows.
        texts = (f'"{name}":{codec.encode(value)}' for name, value in {**columns, **beside}.items())
        indexed = {name: scalar(value) for name, value in fields.items() if value is not None}
        return Document(encode_text(columns[self.key]), f"{{{','.join(texts)}}}", indexed, new_version())

    def read(self, document: Document, record: type[R] | None = None) -> R:
        """The record of a document; columns that it does not have are None."""
        columns = codec.decode(document.body)
        for name in self._dates:
            value = columns.get(name)
            columns[name] = datetime.date.fromisoformat(value) if isinstance(value, str) else value
        return (record or self._record)(**{field: columns.get(name) for name, field in self._columns.items()})


def _binder(column: Column[Any]) -> Convert:
    convert = binder(column, json=lambda value: value)
    # The codec writes a document, and escapes what a text column could not hold.
    return (lambda value: decode_text(convert(value))) if convert in (key_in, text_in) else convert
