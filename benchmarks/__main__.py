"""`python -m benchmarks [family ...]`: agno's adapter, agnodb and bare asyncpg, in turns on one PostgreSQL."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import os
import platform
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import agnodb
from agnodb.testing.servers import PostgresAccess, PostgresServer, ServerUnavailableError
from agnodb.testing.wire import CountingProxy
from benchmarks import (
    blocking,
    boot,
    calls,
    expected,
    facade,
    lists,
    metrics,
    mongo,
    mysql,
    peers,
    plots,
    readme,
    results,
    search,
    sqlite,
    stores,
    traces,
    turns,
)
from benchmarks.measure import SIZES, Bench, Row
from benchmarks.report import markdown
from benchmarks.results import Result

PACKAGES = ("agno", "asyncpg", "sqlalchemy")
FAMILIES: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "calls": calls.run,
    "calls-psycopg": blocking.run,
    "calls-sqlite": sqlite.run,
    "calls-sqlite3": sqlite.run_blocking,
    "calls-mysql": mysql.run,
    "calls-mongo": mongo.run,
    "facade": facade.run,
    **stores.FAMILIES,
    "turns": turns.run,
    "lists": lists.run,
    "traces": traces.run,
    "metrics": metrics.run,
    "search": search.run,
    "boot": boot.run,
    "peers": peers.run,
}
MILLIONS = {"lists-million": lists.run_million, "traces-million": traces.run_million}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="family", help=", ".join([*FAMILIES, *MILLIONS]))
    parser.add_argument("--url", help="a PostgreSQL server, as a user who may create databases (default: the wheel's)")
    parser.add_argument("--size", choices=SIZES, default="normal", help="how many rounds and calls; full has millions")
    parser.add_argument("--counts", action="store_true", help="only what is counted on the wire, no clocks")
    parser.add_argument("--output", type=Path, default=results.FOLDER, metavar="FOLDER", help="for the results")
    gate = parser.add_mutually_exclusive_group()
    gate.add_argument("--check", action="store_true", help=f"count agnodb alone, compare with {expected.FILE.name}")
    gate.add_argument("--keep", action="store_true", help=f"count agnodb alone, write {expected.FILE.name}")
    gate.add_argument("--readme", action="store_true", help="only write the pages' tables from the committed results")
    given = parser.parse_args()
    if unknown := set(given.families) - FAMILIES.keys() - MILLIONS.keys():
        parser.error(f"no such family: {', '.join(sorted(unknown))}")
    return given


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


def gate(url: str | None, *, keep: bool) -> int:
    """Count what agnodb takes, without clocks. 1 where that is not what is expected."""
    rows: list[Row] = []
    with server(url) as access:
        for family in expected.FAMILIES:
            with database(access) as url, CountingProxy(access.host, access.port) as proxy:
                bench = Bench(family, url, proxy, SIZES["quick"], rows, counts_only=True, only=expected.SIDE)
                asyncio.run(FAMILIES[family](bench))
    found = expected.counted(rows)
    if keep:
        expected.keep(found)
    for line in (different := expected.differences(found, expected.read())):
        print(line)
    print(f"{len(found)} calls counted, {len(different)} counts differ from {expected.FILE.name}")
    return 1 if different else 0


def main() -> int:
    """Run the families in order; one that fails is reported as failed, and the others go on. 1 where one failed."""
    given = arguments()
    if given.check or given.keep:
        return gate(given.url, keep=given.keep)
    if given.readme:
        readme.write()
        return 0
    size = SIZES[given.size]
    known = FAMILIES | MILLIONS
    failed = 0
    with server(given.url) as access:
        for family in given.families or [*(known if size.millions else FAMILIES)]:
            print(f"{family} ...", file=sys.stderr)
            environment = {**_environment(access), "size": given.size}
            with database(access) as url, CountingProxy(access.host, access.port) as proxy:
                bench = Bench(family, url, proxy, size, counts_only=given.counts)
                try:
                    asyncio.run(known[family](bench))
                except ServerUnavailableError as error:
                    print(f"{family} not run: {error}", file=sys.stderr)
                    continue
                except Exception as error:
                    failed = 1
                    print(f"{family} failed: {type(error).__name__}: {error}"[:500], file=sys.stderr)
                    continue
            for what, why in bench.not_run.items():
                print(f"not run: {what}, {why}", file=sys.stderr)
            results.write(Result(family, environment, bench.rows, bench.not_run), given.output)
    found = results.read(given.output)
    drawn = plots.write([row for result in found for row in result.rows], given.output)
    page = markdown(found, drawn)
    print(page)
    (given.output / "results.md").write_text(page)
    return failed


def _environment(access: PostgresAccess) -> dict[str, object]:
    """Of which results depend."""
    return {
        "postgresql": access.version(), "python": platform.python_version(), "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2), "agnodb": agnodb.__version__,
        **{package: importlib.metadata.version(package) for package in PACKAGES},
    }  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
