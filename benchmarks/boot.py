"""The first session of a new process, in an empty database and in one that is there; and the memory of a process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import asyncpg

from benchmarks import filling
from benchmarks.measure import Bench, per_call
from benchmarks.process import RUNS, SESSIONS, WRITES
from benchmarks.sides import create_tables, sides

SIDES = ("agno", "agnodb")
COLD, WARM = "first boot of an empty database to the first session", "boot of a process to its first session"
TIMEOUT = 120


async def run(bench: Bench) -> None:
    measured = [side for side in SIDES if bench.only in (None, side)]
    for name in (COLD, WARM):
        found: dict[str, list[dict[str, float]]] = {side: [] for side in measured}
        for number in range(0 if bench.counts_only else bench.size.rounds + 2):
            for side in measured if number % 2 else measured[::-1]:
                await _empty(bench, side, leave=name == WARM)
                found[side].append(await _measured("boot", side, bench.url))
        for side, taken in found.items():
            await _empty(bench, side, leave=name == WARM)
            with bench.proxy.count() as counts:
                await _measured("boot", side, bench.proxy.url(bench.url))
            values = {metric: median(one[metric] for one in taken) for metric in taken[0]} if taken else {}
            bench.add(name, side, **values, **per_call(counts, 1))
    if not bench.counts_only:
        await _memory(bench)


async def _empty(bench: Bench, side: str, *, leave: bool) -> None:
    """No tables; or, if `leave`, those that an earlier process made."""
    connection = await asyncpg.connect(bench.url)
    if not leave:
        await connection.execute(f"DROP SCHEMA IF EXISTS {side}_side CASCADE")
    await connection.close()


async def _memory(bench: Bench) -> None:
    async with sides(bench.url) as direct:
        direct = [side for side in direct if side.name in SIDES]
        await create_tables(direct, bench.url)
        connection = await asyncpg.connect(bench.url)
        for side in direct:
            await connection.execute(f"TRUNCATE {side.schema}.agno_sessions, {side.schema}.agno_runs CASCADE")
            await filling.sessions(connection, side.schema, SESSIONS)
            await filling.runs(connection, side.schema, 1, SESSIONS, RUNS)
        await connection.close()
    name = f"memory: {WRITES:,} saves of a session, then {SESSIONS} sessions of {RUNS} runs of 4 KB read"
    for side_name in SIDES:
        bench.add(name, side_name, **await _measured("memory", side_name, bench.url))


async def _measured(what: str, side: str, url: str) -> dict[str, float]:
    """What `benchmarks.process` says, in a process of its own."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "benchmarks.process", what, side, url],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    if done.returncode:
        raise RuntimeError(f"{what} of {side}: {done.stderr[-400:]}")
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values
