"""The calls on MySQL or MariaDB: agno's AsyncMySQLDb, agnodb's, and bare aiomysql; a database for each side.

The server is Debian's MariaDB with its default durability, or the one at AGNODB_TEST_MYSQL_URL.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any
from unittest import mock
from urllib.parse import unquote, urlsplit

import aiomysql
import pymysql
from agno.db.mysql import AsyncMySQLDb as AgnoDb

from agnodb import AsyncMySQLDb
from agnodb.testing.mariadb import MariaDBServer, MySQLAccess
from agnodb.testing.plugin import MYSQL_URL_VARIABLE
from agnodb.testing.wire import Counts
from benchmarks import calls, statements
from benchmarks.backends import COLUMNS, filled
from benchmarks.data import CALLERS, Data, Item
from benchmarks.measure import Bench
from benchmarks.sides import Facade, Floor, Side, opened

STATUS = ("Questions", "Bytes_received", "Bytes_sent")


def _place(url: str) -> dict[str, Any]:
    """Where the server is, as the drivers' arguments."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname, "port": parts.port, "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""), "autocommit": True,
    }  # fmt: skip


class AiomysqlFloor(Floor):
    """Connections that are simply held. MySQL gives nothing back from a write, so what is stored is read after it."""

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(schema, statements.MYSQL, f"{schema}.")
        self._place = _place(url)
        self._free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        self._opened: list[Any] = []

    async def fetch(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        if self._free.empty() and len(self._opened) < CALLERS:
            connection = await aiomysql.connect(**self._place, cursorclass=aiomysql.DictCursor)
            self._opened.append(connection)
        else:
            connection = await self._free.get()
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(sql, values)
                rows: list[Mapping[str, Any]] = await cursor.fetchall()
                return rows
        finally:
            self._free.put_nowait(connection)

    def among(self, values: list[str]) -> Any:
        return tuple(values)

    async def upsert_session(self, item: Item) -> Any:
        await super().upsert_session(item)
        return await self.fetch(self.sql.session, item.row["session_id"])

    async def upsert_user_memory(self, item: Item) -> Any:
        await super().upsert_user_memory(item)
        return await self.fetch(self.sql.memory, item.row["memory_id"])

    async def close(self) -> None:
        for connection in self._opened:
            connection.close()


class MySQL:
    """One server, with a database for each side; it counts itself what it is asked."""

    def __init__(self, bench: Bench, server: MySQLAccess) -> None:
        self.bench, self._server = bench, server
        self._connection = pymysql.connect(**_place(server.url))

    @contextlib.asynccontextmanager
    async def sides(self) -> AsyncIterator[list[Side]]:
        url = self._server.url
        agnos = url.replace("mysql://", "mysql+aiomysql://", 1)
        makers: dict[str, Callable[[], Side]] = {
            "agno": lambda: Facade("agno", "agno_side", AgnoDb(db_url=agnos, db_schema="agno_side")),
            "agnodb": lambda: Facade("agnodb", "agnodb_side", AsyncMySQLDb(db_url=url, db_schema="agnodb_side")),
            "floor": lambda: AiomysqlFloor(url, "floor_side"),
        }
        async with opened(makers, self.bench.only) as self._made:
            yield self._made

    @contextlib.asynccontextmanager
    async def counted_sides(self) -> AsyncIterator[list[Side]]:
        """The very same: on MariaDB agno's adapter cannot save a run in tables that an earlier one has made."""
        yield self._made

    @contextlib.contextmanager
    def count(self) -> Iterator[Counts]:
        """What the server's own counters say, without what it takes to read them. A packet with several statements is
        one round trip, which only aiomysql can tell: all sides send theirs through it."""
        alone = self._difference(self._status(), self._status())
        counts, before, send = Counts(), self._status(), aiomysql.Connection._execute_command

        def counted(*given: Any) -> Any:
            counts.round_trips += 1
            return send(*given)

        with mock.patch.object(aiomysql.Connection, "_execute_command", counted):
            yield counts
        counts.statements, counts.bytes_up, counts.bytes_down = (
            found - own for found, own in zip(self._difference(before, self._status()), alone, strict=True)
        )

    def _status(self) -> dict[str, int]:
        names = ", ".join(f"'{name}'" for name in STATUS)
        with self._connection.cursor() as cursor:
            cursor.execute(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
            return {name: int(value) for name, value in cursor.fetchall()}

    @staticmethod
    def _difference(before: Mapping[str, int], after: Mapping[str, int]) -> list[int]:
        return [after[name] - before[name] for name in STATUS]

    async def prepare(self, sides: Iterable[Side], data: Data) -> None:
        for side in sides:
            self._server.create_database(side.schema)
            if isinstance(side, Facade):
                await side.db._create_all_tables()
            else:
                async with AsyncMySQLDb(db_url=self._server.url, db_schema=side.schema) as maker:
                    await maker.create_tables()
            with self._connection.cursor() as cursor:
                for table, items in filled(data).items():
                    sql = statements.insert(f"{side.schema}.agno_{table}", COLUMNS[table], statements.MYSQL)
                    cursor.executemany(sql, [tuple(item.row.values()) for item in items])

    async def stored(self, side: Side, table: str, key: str) -> Mapping[str, Any]:
        columns = COLUMNS[table]
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(columns)} FROM {side.schema}.agno_{table} WHERE {columns[0]} = %s", [key]
            )
            row = cursor.fetchone()
        return dict(zip(columns, row or (), strict=row is not None))

    def close(self) -> None:
        """Drop the databases."""
        self._connection.close()
        for name in ("agno_side", "agnodb_side", "floor_side"):
            self._server.drop_database(name)


async def run(bench: Bench) -> None:
    """Raises ServerUnavailableError where there is no server."""
    with contextlib.ExitStack() as stack:
        url = os.environ.get(MYSQL_URL_VARIABLE)
        server = MySQLAccess(url) if url else stack.enter_context(MariaDBServer.start(durable=True))
        backend = stack.enter_context(contextlib.closing(MySQL(bench, server)))
        await calls.measure(bench, backend, ", MariaDB", Data.make(listed=100, longest=0), pages=False)
