"""A look at a MongoDB database that raises nothing when it is down. See `agnodb.executors.health`."""

from __future__ import annotations

import time
from typing import Any

from agnodb.awaiting import settled
from agnodb.config import Layout
from agnodb.errors import AgnoDbError
from agnodb.executors.health import PATIENCE
from agnodb.executors.mongo import MongoExecutor
from agnodb.mongo import schema
from agnodb.records.health import HealthRecord


async def health(executor: MongoExecutor, layout: Layout) -> HealthRecord:
    """How the database of `executor` is: four round trips. Of the pool the driver tells its greatest size alone."""
    figures: dict[str, Any] = {}
    try:
        figures["pool_size"] = executor.state().client.options.pool_options.max_pool_size
        latency, version = await executor.at_door(_round_trip, seconds=PATIENCE)
        revision = await executor.at_door(lambda database: schema.current(database, layout), seconds=PATIENCE)
    except AgnoDbError as error:
        return HealthRecord(ok=False, error=type(error).__name__, message=str(error), **figures)
    return HealthRecord(
        ok=True,
        latency_ms=round(latency * 1000, 3),
        server_version=version,
        revision=revision,
        at_head=revision is not None and revision >= schema.HEAD,
        **figures,
    )


async def _round_trip(database: Any) -> tuple[float, str]:
    for _ in range(2):  # the first one may open a connection
        began = time.perf_counter()
        await settled(database.command("ping"))
        lasted = time.perf_counter() - began
    return lasted, str((await settled(database.command("buildInfo")))["version"])
