"""Pages of long lists of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from benchmarks import filling
from benchmarks.data import PAGE
from benchmarks.measure import Bench
from benchmarks.sides import create_tables, sides

PAGES = (1, 50)
SMALL, LARGE = 10_000, 1_000_000


async def run(bench: Bench) -> None:
    await _lists(bench, SMALL, runs=True)


async def run_million(bench: Bench) -> None:
    await _lists(bench, LARGE, runs=False)


async def _lists(bench: Bench, count: int, *, runs: bool) -> None:
    async with sides(bench.url, bench.only) as direct, sides(bench.proxy.url(bench.url), bench.only) as wired:
        await create_tables(direct, bench.url)
        connection = await asyncpg.connect(bench.url)
        for side in direct:
            await filling.sessions(connection, side.schema, count)
            if runs:
                # Of the sessions on the pages that are read, and as many beside them.
                await filling.runs(connection, side.schema, count - 4 * PAGE * PAGES[-1], count, 2)
        await connection.close()
        for page in PAGES:
            for with_runs in (False, True) if runs else (False,):

                async def call(side: Any, page: int, with_runs: bool = with_runs) -> Any:
                    return await side.get_sessions(page, with_runs)

                def inputs(number: int, page: int = page) -> Sequence[int]:
                    return [page] * number

                views = [side.view(await call(side, page)) for side in direct]
                assert all(view == views[0] and len(view) == PAGE for view in views), "the sides list differently"
                named = f"get_sessions, page {page} of {count:,}, {'with runs' if with_runs else 'no runs'}"
                await bench.compare(named, call, inputs, direct, wired)
