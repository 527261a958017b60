"""Between the dictionaries that some of agno's methods take and give, and records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from agnodb.errors import InvalidValueError
from agnodb.records.base import Record

R = TypeVar("R", bound=Record)


def record_from(kind: type[R], data: Mapping[str, Any]) -> R:
    """The record that `data` describes. Raises InvalidValueError for unknown fields and missing ones."""
    if not isinstance(data, Mapping):
        raise InvalidValueError("A dictionary is needed here.", detail=repr(type(data)))
    try:
        return kind(**data)
    except TypeError as error:
        raise InvalidValueError("Some of these fields are unknown, or some are missing.", detail=str(error)) from error


def completed(data: Mapping[str, Any], stored: Record) -> dict[str, Any]:
    """`data` with the defaults that were stored where it says nothing."""
    filled = {name: value for name, value in stored.to_dict().items() if value is not None}
    return {**data, **filled}
