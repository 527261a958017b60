"""A table of vectors over one way of waiting: its executor, its rows, and how it is made."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agnodb.contracts.vectors import VectorRows
from agnodb.errors import ConfigurationError
from agnodb.executors.engine import EngineExecutor
from agnodb.executors.states import Engines
from agnodb.migrations.sqlite_vectors import drop_sqlite_vectors, ensure_sqlite_vectors, index_sqlite_vectors
from agnodb.migrations.vectors import Show, drop_vectors, ensure_vectors, index_vectors
from agnodb.sql.sqlite_vectors import SqliteVectorRepository
from agnodb.sql.vectors import VectorRepository

Direct = Callable[[], contextlib.AbstractAsyncContextManager[Any]]


@dataclass(frozen=True)
class Family:
    """What a kind of database does its own way. Their places are of one kind, with `name`, `schema` and `upgrade`."""

    ensure: Callable[..., Any]
    index: Callable[..., Any]
    drop: Callable[..., Any]
    rows: Callable[..., VectorRows]


POSTGRES = Family(ensure_vectors, index_vectors, drop_vectors, VectorRepository)
SQLITE = Family(ensure_sqlite_vectors, index_sqlite_vectors, drop_sqlite_vectors, SqliteVectorRepository)


class VectorStore:
    """The table `asked`. It is made by the first call, unless `create` is False; `direct` is a way past a pooler."""

    def __init__(
        self, engines: Engines, asked: Any, family: Family, *, create: bool, owned: bool, direct: Direct | None,
        show: Show, warn: Show = lambda _: None,
    ) -> None:  # fmt: skip
        self._family, self._warn = family, warn
        self._engines, self._asked, self._owned = engines, asked, owned
        self._create, self._direct, self._show = create, direct, show
        self._found: Any = None
        self._executor = self._opened()
        self.rows = family.rows(self._executor, self._place)

    def _opened(self) -> EngineExecutor:
        return EngineExecutor(
            self._engines,
            ensure_schema=lambda door: self._ensure(door, self._create),
            check_schema=lambda door: self._ensure(door, False),
            upgrade=self._asked.upgrade,
        )

    async def _ensure(self, door: Any, create: bool) -> None:
        async with self._way(door) as engine:
            self._found = await self._family.ensure(engine, self._asked, create=create, show=self._show)

    @contextlib.asynccontextmanager
    async def _way(self, door: Any) -> AsyncIterator[Any]:
        if self._direct is None:
            yield door
        else:
            async with self._direct() as engine:
                yield engine

    async def _place(self) -> Any:
        if self._found is None:
            await self._executor.ready()
        return self._found or self._asked

    async def create(self) -> None:
        """Make the table, or what it lacks. Raises what `ensure_vectors` raises."""
        await self._executor.at_door(lambda door: self._ensure(door, True))

    async def exists(self) -> bool:
        """Whether the table is there."""
        return await self._executor.has_table(self._asked.name, self._asked.schema)

    async def optimize(self, options: Sequence[tuple[str, int]], *, again: bool = False) -> None:
        """Build the index of the vectors, if there is none or `again`; the table can be used meanwhile."""
        place = await self._place()

        async def work(door: Any) -> None:
            async with self._way(door) as engine:
                await self._family.index(engine, place, options, again=again, show=self._show, warn=self._warn)

        await self._executor.at_door(work)

    async def drop(self) -> None:
        """Drop the table, if it is there. The next call makes another."""

        async def work(door: Any) -> None:
            async with self._way(door) as engine:
                await self._family.drop(engine, self._asked)

        await self._executor.at_door(work)
        self._found = None
        self._executor = self._opened()
        self.rows = self._family.rows(self._executor, self._place)

    async def close(self) -> None:
        """Close the connections, if they are of this store's own."""
        if self._owned:
            await self._executor.close()

    def inside(self, transaction: Any) -> VectorRows:
        """The rows inside a transaction of the database. Raises ConfigurationError for what is none."""
        unit = getattr(transaction, "_unit", None)
        if unit is None:
            raise ConfigurationError("A transaction of db.transaction() is needed.")
        return self.rows.inside(unit)
