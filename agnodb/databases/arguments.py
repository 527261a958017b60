"""Constructor arguments that the databases have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import make_url

from agnodb.config import TableNames
from agnodb.errors import ConfigurationError

_HIDDEN = "***"


def table_arguments(arguments: Mapping[str, Any]) -> dict[str, str | None]:
    """The table names among `arguments`, of the tables that agnodb keeps.

    agno has arguments for other tables too; those are accepted and have no effect.
    """
    return {name: arguments.get(name) for name in TableNames.arguments()}


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
