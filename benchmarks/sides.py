"""The sides: agno's adapter and agnodb behind agno's interface, and the floor. Three of them on one PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Protocol

import asyncpg
from agno.db.postgres import AsyncPostgresDb as AgnoDb
from agno.db.schemas import UserMemory

from agnodb import AsyncPostgresDb
from benchmarks import statements
from benchmarks.data import CALLERS, PAGE, Item

View = list[tuple[str, list[tuple[str, str]]]]
"""What a read gave, for comparison: sessions, each with the id and the content of its runs; or a memory, its text."""


class Side(Protocol):
    """The measured calls. What they return is the side's own; `view` makes reads comparable."""

    name: str
    schema: str
    blocking: bool
    """Whether its methods wait in their thread: sixteen callers are sixteen threads then."""

    async def upsert_session(self, item: Item) -> Any: ...
    async def upsert_run(self, item: Item) -> Any: ...
    async def upsert_user_memory(self, item: Item) -> Any: ...
    async def get_user_memory(self, item: Item) -> Any: ...
    async def get_session(self, item: Item) -> Any: ...
    async def get_sessions(self, page: int, runs: bool) -> Any: ...
    def forget(self) -> None: ...
    def view(self, result: Any) -> View: ...
    async def close(self) -> None: ...


class Awaited:
    """A database without an event loop, whose methods are awaited like those of one with."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._db, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        return call


class Facade:
    """agno's database interface, as agno itself calls it: AgentOS asks for lists as dictionaries with a total."""

    def __init__(self, name: str, schema: str, db: Any, *, blocking: bool = False) -> None:
        self.name, self.schema, self.blocking, self._bare = name, schema, blocking, db
        self.db = Awaited(db) if blocking else db

    async def upsert_session(self, item: Item) -> Any:
        return await self.db.upsert_session(item.value)

    async def upsert_run(self, item: Item) -> Any:
        run = item.value
        # The index is agno's own guess, as its Agent passes it: without one its adapter takes two more round trips.
        return await self.db.upsert_run(run=run, session_id=run.session_id, user_id=run.user_id, run_index=item.index)

    async def upsert_user_memory(self, item: Item) -> Any:
        return await self.db.upsert_user_memory(item.value)

    async def get_user_memory(self, item: Item) -> Any:
        return await self.db.get_user_memory(item.value.memory_id)

    async def get_session(self, item: Item) -> Any:
        return await self.db.get_session(session_id=item.value.session_id)

    async def get_sessions(self, page: int, runs: bool) -> Any:
        return await self.db.get_sessions(
            limit=PAGE, page=page, sort_by="created_at", sort_order="desc", deserialize=False, include_runs=runs
        )

    def forget(self) -> None:
        """Throw away the parsed runs that the adapter keeps, as if its process had just begun."""
        holder = getattr(self._bare, "_core", self._bare)
        for name in ("_run_object_cache", "_run_cache"):
            if (kept := getattr(holder, name, None)) is not None:
                setattr(holder, name, type(kept)(64))  # the default of both: sessions there, megabytes here

    def view(self, result: Any) -> View:
        if isinstance(result, tuple):
            sessions, _total = result
            return [(s["session_id"], [(r["run_id"], r["content"]) for r in s.get("runs") or ()]) for s in sessions]
        if isinstance(result, UserMemory):
            return [(str(result.memory_id), [("memory", result.memory)])]
        return [(result.session_id, [(run.run_id, run.content) for run in result.runs])]

    async def close(self) -> None:
        await self.db.close()


class Floor:
    """A bare driver: one statement prepared by hand per call, JSON left as text. A subclass says how it is run."""

    name, blocking = "floor", False

    def __init__(self, schema: str, spelling: statements.Spelling, prefix: str = "") -> None:
        self.schema, self.sql = schema, statements.Floor(prefix, spelling)

    async def fetch(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        raise NotImplementedError

    def among(self, values: list[str]) -> Any:
        """A list as the driver takes it for one bind."""
        return values

    async def upsert_session(self, item: Item) -> Any:
        return await self.fetch(self.sql.upsert_session, *item.row.values())

    async def upsert_run(self, item: Item) -> Any:
        return await self.fetch(self.sql.upsert_run, *item.row.values())

    async def upsert_user_memory(self, item: Item) -> Any:
        return await self.fetch(self.sql.upsert_memory, *item.row.values())

    async def get_user_memory(self, item: Item) -> Any:
        return await self.fetch(self.sql.memory, item.row["memory_id"])

    async def get_session(self, item: Item) -> Any:
        session_id = item.row["session_id"]
        sessions = await self.fetch(self.sql.session, session_id)
        return sessions, await self.fetch(self.sql.runs, session_id)

    async def get_sessions(self, page: int, runs: bool) -> Any:
        sessions = await self.fetch(self.sql.sessions, PAGE, (page - 1) * PAGE)
        chosen = [session["session_id"] for session in sessions]
        return sessions, await self.fetch(self.sql.runs_of, self.among(chosen)) if runs else []

    def forget(self) -> None:
        """It keeps nothing."""

    def view(self, result: Any) -> View:
        if isinstance(result, list):
            return [(m["memory_id"], [("memory", json.loads(m["memory"]))]) for m in result]
        sessions, runs = result
        return [
            (s["session_id"], [statements.run_of(r["run_data"]) for r in runs if r["session_id"] == s["session_id"]])
            for s in sessions
        ]

    async def close(self) -> None:
        raise NotImplementedError


class BlockingFloor(Floor):
    """Connections that are held, as many as there were callers at once; a subclass says how one is opened."""

    blocking = True

    def __init__(self, schema: str, spelling: statements.Spelling, prefix: str = "") -> None:
        super().__init__(schema, spelling, prefix)
        self._free: list[Any] = []

    def connect(self) -> Any:
        raise NotImplementedError

    async def fetch(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        connection = self._free.pop() if self._free else self.connect()
        try:
            cursor = connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
        finally:
            self._free.append(connection)

    async def close(self) -> None:
        for connection in self._free:
            connection.close()


class AsyncpgFloor(Floor):
    """Connections that are simply held, one for each caller."""

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(schema, statements.ASYNCPG, f"{schema}.")
        self._url = url
        self._free: asyncio.LifoQueue[asyncpg.Connection] = asyncio.LifoQueue()
        self._opened: list[asyncpg.Connection] = []

    async def fetch(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        if self._free.empty() and len(self._opened) < CALLERS:
            connection = await asyncpg.connect(self._url)
            self._opened.append(connection)
        else:
            connection = await self._free.get()
        try:
            # asyncpg prepares a text once for a connection and keeps it.
            rows: list[Mapping[str, Any]] = await connection.fetch(sql, *values)
            return rows
        finally:
            self._free.put_nowait(connection)

    async def close(self) -> None:
        for connection in self._opened:
            await connection.close()


def driver_url(url: str, driver: str) -> str:
    return url.replace("postgresql://", f"postgresql{driver}://", 1)


@contextlib.asynccontextmanager
async def opened(makers: Mapping[str, Callable[[], Side]], only: str | None = None) -> AsyncIterator[list[Side]]:
    """The sides that `makers` make, or the one named `only`; closed at the end of the block."""
    made: list[Side] = []
    try:
        for name, make in makers.items():
            if only in (None, name):
                made.append(make())
        yield made
    finally:
        for side in made:
            await side.close()


def sides(url: str, only: str | None = None) -> contextlib.AbstractAsyncContextManager[list[Side]]:
    """The three sides on the PostgreSQL database at `url`, or the one named `only`."""
    agnos = driver_url(url, "+asyncpg")
    return opened(
        {
            "agno": lambda: Facade("agno", "agno_side", AgnoDb(db_url=agnos, db_schema="agno_side")),
            "agnodb": lambda: Facade("agnodb", "agnodb_side", AsyncPostgresDb(db_url=url, db_schema="agnodb_side")),
            "floor": lambda: AsyncpgFloor(url, "floor_side"),
        },
        only,
    )


async def create_tables(made: Iterable[Side], url: str) -> None:
    """Each side's tables. The floor runs on the same tables as agnodb, made by it."""
    for side in made:
        if isinstance(side, Facade):
            await side.db._create_all_tables()
        else:
            async with AsyncPostgresDb(db_url=url, db_schema=side.schema) as maker:
                await maker.create_tables()
