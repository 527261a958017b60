"""Constructor arguments that the databases have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agnodb.config import TableNames
from agnodb.drivers import Connecting
from agnodb.errors import ConfigurationError
from agnodb.policies import Policies
from agnodb.urls import async_url, place_of

_HIDDEN = "***"


def table_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The names among `arguments` of the tables that agnodb keeps."""
    return {name: arguments.get(name) for name in TableNames.arguments()}


def other_tables(arguments: Mapping[str, Any]) -> dict[str, str | None]:
    """The names among `arguments` of agno's further tables: agnodb does not keep them, agno's base knows them."""
    kept = {*TableNames.arguments(), "sandbox_table"}
    return {name: value for name, value in arguments.items() if name.endswith("_table") and name not in kept}


def connecting_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those among `arguments` that say how connections are made and kept (see `Connecting`)."""
    return {name: arguments[name] for name in Connecting.names() if arguments.get(name) is not None}


def policy_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those among `arguments` that are policies (see `Policies`)."""
    return {name: arguments[name] for name in Policies.names() if arguments.get(name) is not None}


def connecting_of(arguments: Mapping[str, Any]) -> Connecting:
    """How connections are made by a constructor with `arguments`. Raises ConfigurationError.

    An engine that was passed in connects in its own way, of which only the pooler is to be known.
    """
    given = connecting_arguments(arguments)
    if arguments.get("db_engine") is not None and (of_engine := sorted(given.keys() - {"pooler", "retry_timeout"})):
        raise ConfigurationError(f"With db_engine, {of_engine[0]} is an argument of create_engine, not of this class.")
    return Connecting(**given)


def rebuilt_url(url: str | None, complete: str | None, variable: str = "AGNODB_URL") -> str | None:
    """`url`, or `complete` where `url` is the same place with its password hidden.

    Raises ConfigurationError where `complete`, the value of `variable`, is another place or none.
    """
    if url is None or (place := async_url(url)).password != _HIDDEN:
        return url
    if complete is not None and place_of(async_url(complete)) == place_of(place):
        return complete
    raise ConfigurationError(f"The password is not part of a stored database. Set {variable} to its complete URL.")
