"""How far the index is that a connection builds, told while it is built."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy import text

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often it is looked."""

_PATIENCE = 1.0
_PROGRESS = text(
    "SELECT phase, CASE WHEN blocks_total > 0 THEN 100 * blocks_done / blocks_total"
    " WHEN tuples_total > 0 THEN 100 * tuples_done / tuples_total"
    " WHEN lockers_total > 0 THEN 100 * lockers_done / lockers_total END"
    " FROM pg_stat_progress_create_index WHERE pid = :pid"
)


@asynccontextmanager
async def told(engine: Any, connection: Any, name: str, show: Callable[[str], None]) -> AsyncIterator[None]:
    """Show the phase of the build of the index `name` and its percents, for as long as the block runs on `connection`.

    Another connection of `engine` reads `pg_stat_progress_create_index`. Where it cannot, that is logged, and
    nothing is shown.
    """
    pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    last = ""

    async def look() -> None:
        nonlocal last
        try:
            async with engine.connect() as other:
                rows = (await other.execute(_PROGRESS, {"pid": pid})).fetchall()
                await other.rollback()
        except Exception as error:
            log.info("how far index %s is cannot be read: %s", name, type(error).__name__)
            raise
        for phase, percent in rows:
            line = f"index {name}: {phase}" + ("" if percent is None else f", {percent} %")
            if line != last:
                show(line)
            last = line

    async with getattr(engine, "beside", _beside)(look, LOOK_SECONDS):
        yield


@asynccontextmanager
async def _beside(work: Callable[[], Awaitable[None]], seconds: float) -> AsyncIterator[None]:
    """Run `work()` every so many seconds while the block runs; its errors end it, and nothing else."""
    over = asyncio.Event()

    async def run() -> None:
        while not over.is_set():
            await work()
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        over.set()
        if not task.done():
            await asyncio.wait({task}, timeout=_PATIENCE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
