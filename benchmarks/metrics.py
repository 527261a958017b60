"""A refresh of the metrics after one new run, on a day of many sessions."""

from __future__ import annotations

import itertools
import time
from statistics import median
from typing import Any

import asyncpg

from benchmarks import filling
from benchmarks.data import run_item, session_item
from benchmarks.measure import Bench, per_call
from benchmarks.sides import Facade, create_tables, sides

SESSIONS = (1_000, 10_000)
NUMBERS = itertools.count(1)


async def run(bench: Bench) -> None:
    for count in SESSIONS:
        async with sides(bench.url, bench.only) as direct, sides(bench.proxy.url(bench.url), bench.only) as wired:
            # The floor has no metrics: there is no one statement that is them.
            direct, wired = [s for s in direct if isinstance(s, Facade)], [s for s in wired if isinstance(s, Facade)]
            await create_tables(direct, bench.url)
            connection = await asyncpg.connect(bench.url)
            now = int(time.time()) // 86400 * 86400
            for side in direct:
                await connection.execute(f"TRUNCATE {side.schema}.agno_sessions, {side.schema}.agno_runs CASCADE")
                await filling.sessions(connection, side.schema, count, at=f"{now} + n % 60")
                await filling.runs(connection, side.schema, 1, count, 1, at=f"{now} + n % 60")

            async def refreshed(side: Any, _: Any) -> Any:
                return await side.db.calculate_metrics()

            async def new_run(side: Any, _: Any = None) -> None:
                session = session_item("s1", 1)
                made = run_item(session, next(NUMBERS), run_id=f"{side.schema}-{next(NUMBERS)}")
                made.value.user_id = "user-1"
                await side.db.upsert_run(run=made.value, session_id="s1", user_id="user-1", run_index=made.index)

            await _measure(bench, f"calculate_metrics, one new run, {count:,} sessions that day", refreshed, new_run,
                           direct, wired)  # fmt: skip
            await connection.close()


async def _measure(bench: Bench, name: str, call: Any, before: Any, direct: list[Any], wired: list[Any]) -> None:
    """As Bench.compare does, but with a new run before each refresh, outside of the clocks."""
    found: dict[str, dict[str, float]] = {side.name: {} for side in direct}
    if not bench.counts_only:
        times: dict[str, list[tuple[float, float]]] = {side.name: [] for side in direct}
        for number in range(bench.size.rounds + 2):
            for side in direct if number % 2 else direct[::-1]:
                await before(side)
                cpu, start = time.process_time(), time.perf_counter()
                await call(side, None)
                elapsed = (time.perf_counter() - start, time.process_time() - cpu)
                if number:
                    times[side.name].append(elapsed)
        for side in direct:
            walls, cpus = zip(*times[side.name], strict=True)
            found[side.name] = {"p50_ms": median(walls) * 1000, "cpu_ms": median(cpus) * 1000}
    for side in wired:
        for _ in range(2):
            await before(side)
            await call(side, None)
        await before(side)
        with bench.proxy.count() as counts:
            await call(side, None)
        found[side.name] |= per_call(counts, 1)
    for side_name, values in found.items():
        bench.add(name, side_name, **values)
