"""The calls on SQLite, with an event loop and without; each side has a file of its own in one folder."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiosqlite
from agno.db.sqlite import AsyncSqliteDb as AgnoAsyncDb
from agno.db.sqlite import SqliteDb as AgnoDb

from agnodb import AsyncSqliteDb, SqliteDb
from agnodb.testing.wire import Counts
from benchmarks import calls, statements
from benchmarks.backends import COLUMNS, filled
from benchmarks.data import Data
from benchmarks.measure import Bench
from benchmarks.sides import BlockingFloor, Facade, Floor, Side, opened

PRAGMAS = ("PRAGMA journal_mode = WAL", "PRAGMA foreign_keys = ON", "PRAGMA busy_timeout = 30000")
COUNTED = "counted"
"""A link to the folder of the files: whoever opens a file through it is counted."""


class Sqlite3Floor(BlockingFloor):
    """With the pragmas that both adapters set."""

    def __init__(self, file: Path) -> None:
        super().__init__(file.stem, statements.SQLITE)
        self._file = file

    def connect(self) -> Any:
        connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        for pragma in PRAGMAS:
            connection.execute(pragma)
        return connection

    def among(self, values: list[str]) -> Any:
        return statements.listed(values)


class AiosqliteFloor(Floor):
    """One connection for all callers: SQLite has one writer, and aiosqlite one thread for each connection."""

    def __init__(self, file: Path) -> None:
        super().__init__(file.stem, statements.SQLITE)
        self._file = file
        self._connection: aiosqlite.Connection | None = None

    async def fetch(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        if (connection := self._connection) is None:
            connection = self._connection = await aiosqlite.connect(self._file, isolation_level=None)
            connection.row_factory = sqlite3.Row
            for pragma in PRAGMAS:
                await connection.execute(pragma)
        return [*await connection.execute_fetchall(sql, values)]

    def among(self, values: list[str]) -> Any:
        return statements.listed(values)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


class Statements:
    """Counts what SQLite runs on connections that are opened through the folder `counted`, whoever opens them."""

    def __init__(self) -> None:
        self._counting: list[Counts] = []

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Connections that are opened in the block are counted from their beginning to their end."""
        connect = sqlite3.connect

        def opening(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
            connection = connect(database, *args, **kwargs)
            if f"/{COUNTED}/" in str(database):
                connection.set_trace_callback(self._note)
            return connection

        try:
            sqlite3.connect = sqlite3.dbapi2.connect = opening
            yield
        finally:
            sqlite3.connect = sqlite3.dbapi2.connect = connect

    @contextlib.contextmanager
    def count(self) -> Iterator[Counts]:
        counts = Counts()
        self._counting.append(counts)
        try:
            yield counts
        finally:
            self._counting.remove(counts)

    def _note(self, sql: str) -> None:
        if not sql.startswith("--"):  # what a trigger does is told as a comment
            for counts in self._counting:
                counts.statements += 1


class Sqlite:
    """SQLite files of the sides in `folder`."""

    def __init__(self, bench: Bench, folder: Path, statements: Statements, *, blocking: bool) -> None:
        self.bench, self.blocking = bench, blocking
        self._folder, self.count, self._statements = folder, statements.count, statements
        (folder / COUNTED).symlink_to(folder)

    def sides(self) -> AbstractAsyncContextManager[list[Side]]:
        return self._opened(self._folder)

    @contextlib.asynccontextmanager
    async def counted_sides(self) -> Any:
        with self._statements.watching():
            async with self._opened(self._folder / COUNTED) as made:
                yield made

    def _opened(self, folder: Path) -> AbstractAsyncContextManager[list[Side]]:
        agno, ours = (AgnoDb, SqliteDb) if self.blocking else (AgnoAsyncDb, AsyncSqliteDb)
        scheme = "sqlite" if self.blocking else "sqlite+aiosqlite"
        floor = Sqlite3Floor if self.blocking else AiosqliteFloor

        def facade(name: str, kind: Any) -> Callable[[], Side]:
            return lambda: Facade(name, name, kind(db_url=f"{scheme}:///{folder / name}.db"), blocking=self.blocking)

        makers: dict[str, Callable[[], Side]] = {
            "agno": facade("agno", agno), "agnodb": facade("agnodb", ours), "floor": lambda: floor(folder / "floor.db"),
        }  # fmt: skip
        return opened(makers, self.bench.only)

    async def prepare(self, sides: Iterable[Side], data: Data) -> None:
        for side in sides:
            if isinstance(side, Facade):
                await side.db._create_all_tables()
            else:
                async with AsyncSqliteDb(db_file=str(self._folder / "floor.db")) as maker:
                    await maker.create_tables()
            with contextlib.closing(sqlite3.connect(self._folder / f"{side.schema}.db")) as connection, connection:
                for table, items in filled(data).items():
                    sql = statements.insert(f"agno_{table}", COLUMNS[table], statements.SQLITE)
                    connection.executemany(sql, [tuple(item.row.values()) for item in items])

    async def stored(self, side: Side, table: str, key: str) -> Mapping[str, Any]:
        columns = COLUMNS[table]
        sql = f"SELECT {', '.join(columns)} FROM agno_{table} WHERE {columns[0]} = ?"
        with contextlib.closing(sqlite3.connect(self._folder / f"{side.schema}.db")) as connection:
            row = connection.execute(sql, [key]).fetchone()
        return dict(zip(columns, row or (), strict=row is not None))


async def run(bench: Bench) -> None:
    await _run(bench, ", SQLite", blocking=False)


async def run_blocking(bench: Bench) -> None:
    await _run(bench, ", sqlite3", blocking=True)


async def _run(bench: Bench, suffix: str, *, blocking: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="agnodb-bench-") as folder:
        await calls.measure(bench, Sqlite(bench, Path(folder), Statements(), blocking=blocking), suffix)
