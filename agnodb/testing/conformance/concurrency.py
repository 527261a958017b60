"""What every backend promises when many write at once, from several processes too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from agnodb.filters import Page
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.history import ACKNOWLEDGED, check
from agnodb.testing.writers import EVERYTHING, TOKENS, Job, halves, in_transaction, prepare, stored, work


class ConcurrencyConformance:
    """Concurrency.

    `transactions_wait = False` in a test class: a transaction does not wait for others but may end with
    UnavailableError, and can be done again.
    """

    async def test_fifty_runs_at_once_have_fifty_places(self, db: Any, make_db: Any) -> None:
        databases = [db, await make_db()]
        await db.sessions.upsert(a_session())
        await asyncio.gather(*(databases[n % 2].runs.upsert(a_run(f"r{n}", run_data={"n": n})) for n in range(50)))
        runs, total = await db.runs.page(Page(), session_id="s")
        assert ([run.run_index for run in runs], total) == ([*range(50)], 50)
        ordered = await db.runs.of_session("s")
        assert sorted(run["n"] for run in ordered) == [*range(50)]
        await db.runs.delete_many([run.run_id for run in runs[:20]])
        await db.runs.upsert(a_run(runs[30].run_id, run_data=ordered[30]))
        await db.runs.upsert(a_run("last", run_data={"n": "last"}))
        assert await db.runs.of_session("s") == [*ordered[20:], {"n": "last"}]

    async def test_32_writers_in_4_processes_lose_nothing(self, db: Any, tmp_path: Path) -> None:
        await prepare(db)
        job = Job.on(db, tmp_path, turns=("state",), rounds=3)
        await work(job)
        operations, found = job.operations(), await stored(db)
        assert len(operations) == 3 * 4 * 8 * 3
        assert {operation.outcome for operation in operations} == {ACKNOWLEDGED}
        assert check(operations, found) == []
        assert len(found.values) == 32
        assert found.counts == {"tokens": 4 * 8 * 3 * TOKENS, "input": 4 * 8 * 3}

    async def test_writers_of_everything_lose_nothing(self, db: Any, tmp_path: Path) -> None:
        await prepare(db, schedules=10)
        job = Job.on(db, tmp_path, turns=EVERYTHING, writers=2, rounds=3)
        await work(job)
        operations, found = job.operations(), await stored(db)
        assert check(operations, found) == []
        assert halves(found) == set()
        assert None not in found.claims.values()
        waits = getattr(self, "transactions_wait", True)
        told = [o for o in operations if o.kind != "claim" and (waits or not in_transaction(o))]
        assert {o.outcome for o in told} == {ACKNOWLEDGED}
