"""Where the calls are measured: a database and a way of waiting, with its three sides and what fills and counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

import asyncpg

from agnodb.testing.wire import Counts
from benchmarks import statements
from benchmarks.data import MEMORY_COLUMNS, RUN_COLUMNS, SESSION_COLUMNS, Data, Item
from benchmarks.measure import Bench
from benchmarks.sides import Side, create_tables, sides

COLUMNS = {"sessions": SESSION_COLUMNS, "runs": RUN_COLUMNS, "memories": MEMORY_COLUMNS}


class Backend(Protocol):
    """One database, reached in one way."""

    def sides(self) -> AbstractAsyncContextManager[list[Side]]: ...

    def counted_sides(self) -> AbstractAsyncContextManager[list[Side]]:
        """The same, in a way in which `count` sees what they send; called while those of `sides` are open."""
        ...

    def count(self) -> AbstractContextManager[Counts]: ...

    async def prepare(self, sides: Iterable[Side], data: Data) -> None:
        """Make each side's tables, and put the same rows into them, past the side itself where that can be."""
        ...

    async def stored(self, side: Side, table: str, key: str) -> Mapping[str, Any]:
        """The columns that were filled of one row, JSON as text; empty where there is none."""
        ...


def filled(data: Data) -> dict[str, list[Item]]:
    """What is there before the first call, by table."""
    return {"sessions": data.sessions(), "runs": [*data.runs()], "memories": data.memories}


class Postgres:
    """PostgreSQL with an event loop: asyncpg under all sides."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def sides(self) -> AbstractAsyncContextManager[list[Side]]:
        return sides(self.bench.url, self.bench.only)

    def counted_sides(self) -> AbstractAsyncContextManager[list[Side]]:
        return sides(self.bench.proxy.url(self.bench.url), self.bench.only)

    def count(self) -> AbstractContextManager[Counts]:
        return self.bench.proxy.count()

    async def prepare(self, sides: Iterable[Side], data: Data) -> None:
        sides = [*sides]
        await create_tables(sides, self.bench.url)
        connection = await asyncpg.connect(self.bench.url)
        for side in sides:
            async with connection.transaction():
                for table, items in filled(data).items():
                    sql = statements.insert(f"{side.schema}.agno_{table}", COLUMNS[table])
                    await connection.executemany(sql, [tuple(item.row.values()) for item in items])
            for table in COLUMNS:
                await connection.execute(f"VACUUM (ANALYZE) {side.schema}.agno_{table}")
        await connection.close()

    async def stored(self, side: Side, table: str, key: str) -> Mapping[str, Any]:
        columns = COLUMNS[table]
        sql = f"SELECT {statements.as_text(columns)} FROM {side.schema}.agno_{table} WHERE {columns[0]} = $1"
        connection = await asyncpg.connect(self.bench.url)
        row = await connection.fetchrow(sql, key)
        await connection.close()
        return dict(row or {})
