"""`python -m benchmarks.profiling [call ...]`: whose code a call of agnodb spends the client's CPU in, by cProfile.

A built-in function counts for whoever calls it; waiting for the server is left out. The profiler makes Python code look
dearer than C, so these are shares, not times.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg

from agnodb.testing.servers import PostgresServer
from agnodb.testing.wire import CountingProxy
from benchmarks import calls, filling, traces
from benchmarks.__main__ import database
from benchmarks.backends import Postgres
from benchmarks.data import Data
from benchmarks.measure import SIZES, Bench

TIMES, WARM = 200, 20
LARGEST = 6
OWNERS = {
    "/agno/": "agno", "/asyncpg/": "asyncpg", "/sqlalchemy/": "SQLAlchemy", "/benchmarks/": "",
    "asyncio/": "event loop and sockets", "/copy.py": "copy", "/dataclasses.py": "dataclasses",
}  # fmt: skip


def owner(file: str) -> str:
    """Whose code a file is: a package of agnodb, or another library; empty for what is the benchmark's."""
    _, ours, inside = file.rpartition("/agnodb/")
    if ours:
        return f"agnodb/{inside.partition('/')[0]}"
    return next((who for part, who in OWNERS.items() if part in file), "Python's library")


def shares(profile: cProfile.Profile) -> list[tuple[str, float]]:
    """Of each owner, the largest first."""
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if "poll" in name:
            continue
        if file != "~":
            spent[owner(file)] += own
            continue
        for (caller, _, _), (_, _, part, _) in callers.items():
            spent[owner(caller)] += part
    spent.pop("", None)
    total = sum(spent.values())
    return [(who, seconds / total) for who, seconds in spent.most_common(LARGEST)]


async def _profiled(side: Any, call: Any, inputs: Any) -> list[tuple[str, float]]:
    for item in inputs(WARM):
        await call(side, item)
    items: Sequence[Any] = inputs(TIMES)
    profile = cProfile.Profile()
    profile.enable()
    for item in items:
        await call(side, item)
    profile.disable()
    return shares(profile)


async def profiles(bench: Bench, chosen: Sequence[str]) -> None:
    """Print a line for each call."""
    data, backend = Data.make(longest=0), Postgres(bench)
    async with backend.sides() as (side,):
        await backend.prepare([side], data)
        connection = await asyncpg.connect(bench.url)
        await filling.traces(connection, side.schema, TIMES + 1, 1)
        await connection.close()
        known = {
            call.name: (call.call, lambda n, call=call: call.inputs(data, n))
            for call in calls.CALLS
            if call.inputs(data, 1)
        } | {"create_spans(100)": (traces.save_spans, traces.batches)}
        for name, (call, inputs) in known.items():
            if not chosen or any(name.startswith(some) for some in chosen):
                found = await _profiled(side, call, inputs)
                print(f"{name}: " + ", ".join(f"{who} {part:.0%}" for who, part in found))


def main() -> None:
    with PostgresServer.start(durable=True) as access, database(access) as url:
        proxy = CountingProxy(access.host, access.port)
        asyncio.run(profiles(Bench("profiling", url, proxy, SIZES["quick"], only="agnodb"), sys.argv[1:]))


if __name__ == "__main__":
    main()
