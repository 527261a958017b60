"""A look at a database that raises nothing when it is down."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection, Pool, QueuePool

from agnodb.errors import AgnoDbError
from agnodb.executors.engine import EngineExecutor
from agnodb.migrations.head import HEAD, REVISIONS
from agnodb.records.health import HealthRecord

PATIENCE = 1.0
"""Seconds in which a connection that turns out to be dead is replaced, before the database counts as down."""


async def health(executor: EngineExecutor, current: Callable[[Any], Awaitable[str | None]]) -> HealthRecord:
    """How the database of `executor` is. `current(door)` tells the schema's revision.

    Three round trips. No error of the database is raised: `ok` is False then, with the class and the text of the error.
    """
    figures: dict[str, Any] = {}
    try:
        state = executor.state()
        figures = pool_figures(state.engine.pool)
        latency, version = await executor.inspected(_round_trip, seconds=PATIENCE)
        revision = await executor.at_door(current, seconds=PATIENCE)
    except AgnoDbError as error:
        return HealthRecord(ok=False, error=type(error).__name__, message=str(error), **figures)
    return HealthRecord(
        ok=True,
        latency_ms=round(latency * 1000, 3),
        server_version=version,
        revision=revision,
        at_head=revision is not None and (revision == HEAD or revision not in REVISIONS),
        **figures,
    )


def pool_figures(pool: Pool) -> dict[str, Any]:
    """The numbers of connections that `pool` can tell."""
    if not isinstance(pool, QueuePool):
        return {}
    return {
        "pool_size": pool.size(),
        "pool_checked_out": pool.checkedout(),
        "pool_idle": pool.checkedin(),
        "pool_overflow": max(pool.overflow(), 0),
    }


def _round_trip(connection: Connection) -> tuple[float, str]:
    for _ in range(2):  # the first one prepares the statement
        began = time.perf_counter()
        connection.exec_driver_sql("SELECT 1").scalar()
        lasted = time.perf_counter() - began
    dialect = connection.dialect
    # PostgreSQL's was asked for when the first connection opened; SQLite is the library that is loaded.
    version: Any = dialect.server_version_info or getattr(dialect.loaded_dbapi, "sqlite_version_info", ())
    return lasted, ".".join(map(str, version))
