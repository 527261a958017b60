"""Database URLs, from the forms people have to the one with the driver that agnodb uses."""

from __future__ import annotations

import importlib.util

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from agnodb.errors import ConfigurationError, MissingDriverError

EXAMPLES = "postgresql://user:password@localhost:5432/agno or sqlite:///agno.db"

_DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "postgresql+psycopg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
_EXTRAS = {"asyncpg": "postgres", "psycopg": "postgres"}


def async_url(url: str | URL) -> URL:
    """`url` with an asynchronous driver: asyncpg for PostgreSQL, aiosqlite for SQLite.

    Raises ConfigurationError, with a right example and without the URL (it may hold a password), for text
    that is no database URL and for a database or driver that is not supported.
    """
    try:
        parsed = make_url(url)
        if not 0 < (parsed.port or 1) < 65536:
            raise ValueError
    except (ArgumentError, ValueError, TypeError):
        # `from None`: SQLAlchemy's message repeats the whole text.
        raise ConfigurationError(f"This is not a database URL. One looks like {EXAMPLES}") from None
    drivername = _DRIVERS.get(parsed.drivername)
    if drivername is None:
        raise ConfigurationError(
            f"A URL that starts with this scheme is not supported. One looks like {EXAMPLES}",
            detail=f"scheme: {parsed.drivername}",
        )
    return parsed.set(drivername=drivername)


def backend_of(url: URL) -> str:
    """The database behind `url`: ``postgresql`` or ``sqlite``."""
    return url.get_backend_name()


def require_driver(url: URL) -> None:
    """Raises MissingDriverError, which says what to install, when the driver of `url` is not installed."""
    driver = url.get_driver_name()
    if importlib.util.find_spec(driver) is None:
        raise MissingDriverError(extra=_EXTRAS.get(driver, "all"), driver=driver)
