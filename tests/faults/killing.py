"""Three processes that write to one database, two of which are killed in the middle of it."""

from __future__ import annotations

import os
import signal
from typing import Any

from test_history import until

from agnodb.testing.history import Operation, check
from agnodb.testing.writers import Job, halves, processes, stored


async def survivor_of(job: Job, db: Any, after: int) -> list[Operation]:
    """What the third process did, where the others were killed `after` so many operations more each: all that was
    acknowledged is there, and nothing by halves."""
    async with processes(job) as (pids, started):
        for pid in pids[:2]:
            before = len(job.operations())
            await until(lambda before=before: len(job.operations()) > before + after)  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
        assert await started.wait() == 0
    operations, found = job.operations(), await stored(db)
    assert check(operations, found) == []
    assert halves(found) == set()
    return [o for o in operations if str(o.value).startswith("w2.") and o.kind != "claim"]
