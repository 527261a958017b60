"""A connection that any server and any pooler lets through, and how long things take on it."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from agnodb.diagnosis.facts import Latency
from agnodb.drivers import Connecting, connect_arguments
from agnodb.migrations.settings import CONNECT_SECONDS
from agnodb.urls import backend_of, require_driver

ROUND_TRIPS = 9
"""How often the time of a round trip is taken. The median leaves the odd slow one out."""


@asynccontextmanager
async def looking(url: URL) -> AsyncIterator[AsyncEngine]:
    """An engine to look with: it opens a connection for each use. Raises MissingDriverError."""
    require_driver(url)
    # As if there were a pooler, in any case: whether there is one is for us to find out.
    how = Connecting(pooler="transaction", connect_timeout=CONNECT_SECONDS)
    address, arguments = connect_arguments(url, how)
    if backend_of(url) == "sqlite":
        arguments["timeout"] = CONNECT_SECONDS
    engine = create_async_engine(address, poolclass=NullPool, connect_args=arguments)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def autocommitted(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection whose statements are each their own transaction."""
    async with engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


async def measure(connection: AsyncConnection, connect_ms: float) -> Latency:
    """The time of a round trip, without what SQLAlchemy and prepared statements add."""
    driver = await driver_connection(connection)
    taken = []
    for _ in range(ROUND_TRIPS + 1):
        start = time.perf_counter()
        # asyncpg, psycopg and aiosqlite agree on this one call, and send the text in one message; so does aiomysql's.
        await (getattr(driver, "execute", None) or driver.query)("SELECT 1")
        taken.append(milliseconds(start))
    return Latency(connect_ms=connect_ms, round_trip_ms=round(statistics.median(taken[1:]), 3))


async def driver_connection(connection: AsyncConnection) -> Any:
    """The driver's own connection."""
    return (await connection.get_raw_connection()).driver_connection


def milliseconds(since: float) -> float:
    """Milliseconds since a moment of `time.perf_counter`."""
    return round((time.perf_counter() - since) * 1000, 3)
