"""`python -m benchmarks`: agno's adapter, agnodb and bare asyncpg, in turns on one PostgreSQL."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import json
import os
import platform
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import Progress

import agnodb
from agnodb.testing.servers import PostgresAccess, PostgresServer
from agnodb.testing.wire import CountingProxy
from benchmarks.calls import CALLS
from benchmarks.checks import check, fill
from benchmarks.data import CALLERS, Data
from benchmarks.measure import Timing, Wire, counted, timed, warm
from benchmarks.report import Results, measured_table, ratio_table, verdict
from benchmarks.sides import Side, create_tables, sides

PACKAGES = ("agno", "asyncpg", "sqlalchemy")


@dataclass(frozen=True)
class Size:
    """How long it takes. Each side has each place in the order equally often: rounds are a multiple of three."""

    rounds: int
    alone: int
    together: int


FULL = Size(rounds=6, alone=100, together=20 * CALLERS)
QUICK = Size(rounds=3, alone=40, together=5 * CALLERS)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--url", help="a PostgreSQL server, as a user who may create databases (default: the wheel's)")
    parser.add_argument("--quick", action="store_true", help="half a minute, for a first look")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write everything measured to this file")
    parser.add_argument("--no-check", action="store_true", help="exit with 0 even where the promise is broken")
    return parser.parse_args()


@contextlib.contextmanager
def server(url: str | None) -> Iterator[PostgresAccess]:
    """The server at `url`, or one of our own with PostgreSQL's default durability."""
    if url is not None:
        yield PostgresAccess(url)
        return
    with PostgresServer.start(durable=True) as started:
        yield started


@contextlib.contextmanager
def database(access: PostgresAccess) -> Iterator[str]:
    """The URL of a new database, dropped afterwards."""
    name = f"agnodb_bench_{uuid.uuid4().hex[:8]}"
    url = access.create_database(name)
    try:
        yield url
    finally:
        access.drop_database(name)


async def measure(url: str, size: Size, environment: dict[str, Any], progress: Progress) -> Results:
    data = Data.make()
    connection = await asyncpg.connect(url)
    async with sides(url) as made:
        task = progress.add_task("filling the tables", total=len(made))
        await create_tables(made, url)
        for side in made:
            await fill(connection, data, side.schema)
            progress.advance(task)
        await check(connection, data, made)
        await connection.close()
        timings = await _rounds(made, data, size, progress)
    return Results(environment, timings, await _wires(url, data, progress))


async def _rounds(made: list[Side], data: Data, size: Size, progress: Progress) -> dict[str, dict[str, list[Timing]]]:
    task = progress.add_task("measuring", total=len(CALLS) * (size.rounds + 1))
    for call in CALLS:
        for side in made:
            await warm(side, call, data)
        progress.advance(task)
    timings: dict[str, dict[str, list[Timing]]] = {call.name: {side.name: [] for side in made} for call in CALLS}
    for number in range(size.rounds):
        turn = number % len(made)
        for call in CALLS:
            # The same inputs for every side, made before the clock starts.
            alone = call.inputs(data, size.alone // call.weight)
            together = call.inputs(data, size.together // call.weight)
            for side in made[turn:] + made[:turn]:
                timings[call.name][side.name].append(await timed(side, call, alone, together))
            progress.advance(task)
    return timings


async def _wires(url: str, data: Data, progress: Progress) -> dict[str, dict[str, Wire]]:
    """A pass of its own: the proxy would disturb the clocks."""
    task = progress.add_task("counting on the wire", total=len(CALLS))
    access = PostgresAccess(url)
    wires: dict[str, dict[str, Wire]] = {}
    with CountingProxy(access.host, access.port) as proxy:
        async with sides(proxy.url(url)) as made:
            for call in CALLS:
                wires[call.name] = {side.name: await counted(proxy, side, call, data) for side in made}
                progress.advance(task)
    return wires


def main() -> int:
    given = arguments()
    size = QUICK if given.quick else FULL
    console = Console(width=None if sys.stdout.isatty() else 160)
    with server(given.url) as access, database(access) as url:
        environment = {
            "postgresql": access.version(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "load_before": round(os.getloadavg()[0], 2),
            "agnodb": agnodb.__version__,
            **{package: importlib.metadata.version(package) for package in PACKAGES},
            "rounds": size.rounds,
            "calls_alone": size.alone,
            "calls_together": size.together,
        }
        with Progress(console=Console(stderr=True), transient=True) as progress:
            results = asyncio.run(measure(url, size, environment, progress))
    console.print(", ".join(f"{name} {value}" for name, value in environment.items()), highlight=False)
    console.print(measured_table(results), ratio_table(results), verdict(results), highlight=False)
    if given.json is not None:
        given.json.write_text(json.dumps(results.as_dict(), indent=2) + "\n")
    return 0 if given.no_check or results.kept() else 1


if __name__ == "__main__":
    raise SystemExit(main())
