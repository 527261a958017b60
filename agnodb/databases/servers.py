"""What the databases behind a server of SQL have in common: a URL or an engine, and a schema."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.config import DEFAULT_SCHEMA
from agnodb.databases.arguments import connecting_of, rebuilt_arguments, rebuilt_url
from agnodb.databases.core import Settings
from agnodb.databases.sql import SqlDatabase
from agnodb.databases.sync_sql import SyncSqlDatabase
from agnodb.drivers import Connecting, connect_arguments
from agnodb.errors import ConfigurationError
from agnodb.sql.dialects import Dialect
from agnodb.urls import async_url, require_driver


@dataclass(frozen=True)
class ServerKind:
    """One kind of server, as the constructors of its databases know it."""

    name: str
    """For people to read."""
    example: str
    """What its URLs look like."""
    backends: tuple[str, ...]
    """The schemes of its URLs, without a driver; one that is another's too is read as the first."""
    blocking: str
    """The driver for code without an event loop."""
    dialect: Callable[[], Dialect]

    def url(self, given: str | None) -> URL:
        """`given` in the one form. Raises ConfigurationError for none, and for the URL of something else."""
        if given is None:
            raise ConfigurationError(f"{self.name} needs a db_url or a db_engine. A URL looks like {self.example}")
        return self.own(async_url(given))

    def blocking_url(self, given: str | None) -> URL:
        """As `url`, with the driver for code without an event loop."""
        return self.url(given).set(drivername=f"{self.backends[0]}+{self.blocking}")

    def own(self, url: URL) -> URL:
        """`url`. Raises ConfigurationError for that of something else."""
        if url.get_backend_name() not in self.backends:
            raise ConfigurationError(f"A {self.name} URL is needed, like {self.example.split(' ')[0]}")
        return url

    def settings(self, kind: str, arguments: Mapping[str, Any], url: URL, **further: Any) -> Settings:
        """The settings of a constructor's `arguments`; `further` is `Settings.of`'s. Raises ConfigurationError."""
        connecting = connecting_of(arguments)
        if arguments.get("db_engine") is None:
            connect_arguments(self.own(url), connecting)  # what is wrong is told here, and not at the first call
            require_driver(url)
        given = {"schema": arguments.get("db_schema") or DEFAULT_SCHEMA, **further}
        place = {"db_schema": given["schema"] or DEFAULT_SCHEMA}
        return Settings.of(
            kind=kind,
            url=self.own(url),
            dialect=self.dialect(),
            arguments=arguments,
            connecting=connecting,
            place=place,
            **given,
        )


class ServerDatabase(SqlDatabase):
    """A database behind a server, for code with an event loop."""

    def __init__(
        self,
        settings: Settings,
        make_engine: Callable[[URL, Connecting], AsyncEngine],
        db_url: str | None,
        db_engine: AsyncEngine | None,
    ) -> None:
        super().__init__(settings, lambda: make_engine(settings.url, settings.connecting), db_engine)
        self.db_url, self.db_schema = db_url, settings.layout.schema or DEFAULT_SCHEMA


class SyncServerDatabase(SyncSqlDatabase):
    """As `ServerDatabase`, for code without an event loop."""

    def __init__(
        self,
        settings: Settings,
        make_engine: Callable[[URL, Connecting], Engine],
        db_url: str | None,
        db_engine: Engine | None,
    ) -> None:
        super().__init__(settings, lambda: make_engine(settings.url, settings.connecting), db_engine)
        self.db_url, self.db_schema = db_url, settings.layout.schema or DEFAULT_SCHEMA


def rebuilt_on_server(data: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor arguments of a `to_dict()`. A password that is hidden in it is taken from `AGNODB_URL`."""
    url = rebuilt_url(data.get("db_url"), os.environ.get("AGNODB_URL"))
    return {**rebuilt_arguments(data), "db_url": url, "db_schema": data.get("db_schema")}
