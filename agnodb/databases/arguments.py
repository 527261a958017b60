"""Constructor arguments that the databases have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import make_url

from agnodb.config import TableNames
from agnodb.errors import ConfigurationError

_HIDDEN = "***"


def table_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The names among `arguments` of the tables that agnodb keeps."""
    return {name: arguments.get(name) for name in TableNames.arguments()}


def other_tables(arguments: Mapping[str, Any]) -> dict[str, str | None]:
    """The names among `arguments` of agno's further tables: agnodb does not keep them, agno's base knows them."""
    kept = {*TableNames.arguments(), "sandbox_table"}
    return {name: value for name, value in arguments.items() if name.endswith("_table") and name not in kept}


def rebuilt_url(url: str | None, complete: str | None) -> str | None:
    """`url`, or `complete` where `url` is the same place with its password hidden."""
    if url is None or make_url(url).password != _HIDDEN:
        return url
    place = make_url(url)
    if complete is not None:
        full = make_url(complete)
        if (full.host, full.port, full.database) == (place.host, place.port, place.database):
            return complete
    raise ConfigurationError("The password is not part of a stored database. Set AGNODB_URL to its complete URL.")
