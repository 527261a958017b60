"""A word among many learnings."""

from __future__ import annotations

from typing import Any

import asyncpg

from benchmarks import filling
from benchmarks.measure import Bench
from benchmarks.sides import Facade, create_tables, sides

COUNT, FOUND = 10_000, 20


async def run(bench: Bench) -> None:
    async with sides(bench.url) as direct, sides(bench.proxy.url(bench.url)) as wired:
        await create_tables(direct, bench.url)
        connection = await asyncpg.connect(bench.url)
        for side in direct:
            await filling.learnings(connection, side.schema, COUNT)
        await connection.close()
        for side in direct:
            found = await _search(side, "zebra")
            assert len(found) == FOUND, f"{side.name} finds {len(found)} learnings"
        await bench.compare(f"search_learnings, {COUNT:,}", _search, lambda n: ["zebra"] * n, direct, wired)


async def _search(side: Any, word: str) -> Any:
    if isinstance(side, Facade):
        return await side.db.search_learnings(query=word, limit=FOUND)
    # The floor is a substring search over the whole table, as agno's is, without its objects.
    sql = f"SELECT * FROM {side.schema}.agno_learnings WHERE content::text ILIKE $1 ORDER BY updated_at DESC LIMIT $2"
    return await side.fetch(sql, f"%{word}%", FOUND)
