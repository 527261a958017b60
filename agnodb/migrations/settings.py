"""Which database and which tables a command works on: options, then `AGNODB_*`, then `alembic.ini`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agnodb.config import DEFAULT_SCHEMA, Layout, TableNames, layout_from, settings_from_environment
from agnodb.drivers import Connecting, connect_arguments
from agnodb.errors import AgnoDbError, ConfigurationError
from agnodb.urls import EXAMPLES, async_url, backend_of, direct_url, pooler_of, require_driver

CONNECT_SECONDS = 15.0
"""How long a command waits for a connection."""


def settings_for(
    options: Mapping[str, str], ini: Callable[[str], str | None], environ: Mapping[str, str] | None = None
) -> tuple[URL, Layout]:
    """The URL and the layout that `options`, else the environment, else `ini` (asked by name) give.

    Raises ConfigurationError for a missing or wrong URL, an unknown option, and a schema on SQLite.
    """
    settings = given_settings(options, ini, environ)
    url = async_url(settings["url"])
    schemas = backend_of(url) != "sqlite"
    if settings.get("schema") and not schemas:
        raise ConfigurationError("SQLite has no schemas: leave the schema out.")
    return url, layout_from(settings, schema_default=DEFAULT_SCHEMA if schemas else None)


def given_settings(
    options: Mapping[str, str], ini: Callable[[str], str | None], environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """`url`, and what else `options`, the environment and `ini` give, as texts. Raises ConfigurationError."""
    keys = {"url": "sqlalchemy.url", "schema": "schema", **{name: name for name in TableNames.arguments()}}
    try:
        from_ini = {key: value for key, name in keys.items() if (value := ini(name))}
    except IniError:
        # `from None`: the message repeats the line, which may hold a password.
        raise ConfigurationError("alembic.ini cannot be read. Within a value, write % as %%.") from None
    settings = from_ini | settings_from_environment(os.environ if environ is None else environ) | dict(options)
    if not settings.get("url"):
        raise ConfigurationError(
            f"No database URL as an option, in AGNODB_URL or in alembic.ini. One looks like {EXAMPLES}"
        )
    return settings


@asynccontextmanager
async def command_engine(url: URL) -> AsyncIterator[AsyncEngine]:
    """An engine for one command, past the pooler that `url` names.

    Raises MissingDriverError, which says what to install, and ConfigurationError where no way is known past a pooler.
    """
    require_driver(url)
    way = url if pooler_of(url) is None else direct_url(url)
    if way is None:
        raise ConfigurationError(
            "This URL leads to a pooler in transaction mode, which can hold no lock for a migration. Give the URL of"
            " the server itself."
        )
    address, arguments = connect_arguments(way, Connecting(connect_timeout=CONNECT_SECONDS))
    if backend_of(way) == "sqlite":
        arguments["timeout"] = CONNECT_SECONDS  # how long a statement waits for a lock
    engine = create_async_engine(address, poolclass=NullPool, connect_args=arguments)
    try:
        yield engine
    except Exception:
        # When aiosqlite cannot open a file its thread reports to the loop once more, and must find it there.
        await asyncio.sleep(0.05)
        raise
    finally:
        await engine.dispose()


def ini_file(path: Path) -> Callable[[str], str | None]:
    """The options of section ``[alembic]`` of `path`, by name; none without such a file."""
    parser = ConfigParser({"here": str(path.parent.resolve())})

    def option(name: str) -> str | None:
        if not parser.sections():
            parser.read(path, encoding="utf-8")
        return parser.get("alembic", name, fallback=None)

    return option


def one_line(error: AgnoDbError, url: URL | None = None) -> str:
    """`error` for an operator: its message and the first line of the driver's, without the password."""
    said = (error.detail or "").strip().partition("\n")[0]
    password = url.password if url is not None else None
    if password and len(str(password)) > 3:
        said = said.replace(str(password), "***")
    return f"{error} ({said})" if said else str(error)
