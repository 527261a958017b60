"""A look at a document store that raises nothing when it is down. See `agnodb.executors.health`."""

from __future__ import annotations

from agnodb.errors import AgnoDbError
from agnodb.executors.documents import DocumentExecutor
from agnodb.executors.health import PATIENCE
from agnodb.records.health import HealthRecord


async def health(executor: DocumentExecutor) -> HealthRecord:
    """How the store of `executor` is. It has no revisions: what answers is at head."""
    try:
        latency = await executor.latency(PATIENCE)
    except AgnoDbError as error:
        return HealthRecord(ok=False, error=type(error).__name__, message=str(error))
    return HealthRecord(ok=True, latency_ms=round(latency * 1000, 3), at_head=True)
