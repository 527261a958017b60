"""What a column or a field of one kind can hold, on every database alike: the values on their way in."""

from __future__ import annotations

import datetime
from enum import Enum
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.text import TEXT_MARKER, encode_text

INT64 = 2**63
MAX_KEY_BYTES = 2000
"""A row of a PostgreSQL btree holds 2,704 bytes, and a key shares it with the other columns of its index."""


def text_in(value: Any) -> str:
    """A value for a text column. Enums give their value; text that no column can hold is escaped (see `codec`)."""
    if type(value) is str:
        # What nearly all texts are, without a further call.
        plain = value.isascii() and "\0" not in value and not value.startswith(TEXT_MARKER)
        return value if plain else encode_text(value)
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        raise InvalidValueError("A text is needed here.", detail=repr(type(value)))
    return encode_text(value)


def key_in(value: Any) -> str:
    """A value for a text column that is a key or has an index."""
    text = text_in(value)
    if len(text) > MAX_KEY_BYTES // 4 and len(text.encode()) > MAX_KEY_BYTES:
        raise InvalidValueError(f"An id must not exceed {MAX_KEY_BYTES} bytes.", detail=str(len(text)))
    return text


def integer_in(value: Any) -> int:
    """A value for a 64-bit integer column; a float without a fraction is taken as the integer it is."""
    if type(value) is int and -INT64 <= value < INT64:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not -INT64 <= value < INT64:
        raise InvalidValueError("A whole number of at most 64 bits is needed here.", detail=repr(type(value)))
    return int(value)


def boolean_in(value: Any) -> bool:
    """A value for a boolean column."""
    if not isinstance(value, bool):
        raise InvalidValueError("True or False is needed here.", detail=repr(type(value)))
    return value


def date_in(value: Any) -> datetime.date:
    """A value for a date column; of a datetime its day in UTC."""
    if isinstance(value, datetime.datetime):
        try:
            return (value if value.tzinfo is None else value.astimezone(datetime.UTC)).date()
        except OverflowError as error:
            raise InvalidValueError("A date is needed here.", detail=repr(type(value))) from error
    if not isinstance(value, datetime.date):
        raise InvalidValueError("A date is needed here.", detail=repr(type(value)))
    return value
