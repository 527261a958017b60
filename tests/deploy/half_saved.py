"""Units of work that are struck at every boundary between their statements, and what is left of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agnodb import AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SqliteDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.transactions import Order

# The application's own driver, and ours.
PLACES = {
    "aiosqlite": ("sqlite+aiosqlite", AsyncSqliteDb, "sqlite+aiosqlite"),
    "pysqlite": ("sqlite+pysqlite", SqliteDb, "sqlite"),
    "asyncpg": ("postgresql+asyncpg", AsyncPostgresDb, "postgresql+asyncpg"),
    "psycopg": ("postgresql+psycopg", PostgresDb, "postgresql"),
    "psycopg beside asyncpg": ("postgresql+psycopg", AsyncPostgresDb, "postgresql+asyncpg"),
}


class Strike(BaseException):
    """What ends a thread in the middle: nothing that anybody catches."""


@dataclass
class Application:
    """An application with an engine and a table of its own, in the database of `db`."""

    db: Any
    engine: Any
    url: str

    def session(self) -> Any:
        return self.db.async_session_factory(bind=self.engine)

    @property
    def pools(self) -> list[Any]:
        return [self.engine.pool, self.db.db_engine.pool]

    def checked_out(self) -> int:
        return sum(pool.checkedout() for pool in self.pools)

    async def orders(self) -> set[int]:
        async with self.session() as session:
            return set((await session.execute(select(Order.number))).scalars())


def with_foreign_keys(engine: Engine) -> None:
    """What an application does that uses foreign keys in SQLite; its driver begins transactions as it always has."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()


@asynccontextmanager
async def an_application(name: str, url: str) -> AsyncIterator[Application]:
    """`name` is one of PLACES."""
    theirs, kind, ours = PLACES[name]
    rest = url.partition(":")[2]
    blocking = kind in (SqliteDb, PostgresDb)
    engine: Any = (create_engine if blocking else create_async_engine)(f"{theirs}:{rest}")
    sync_engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    if theirs.startswith("sqlite"):
        with_foreign_keys(sync_engine)
    made = kind(db_url=f"{ours}:{rest}")
    db: Any = AsyncFacade(made) if blocking else made
    application = Application(db, engine, url)
    await db.create_tables()
    async with application.session() as session:
        await session.run_sync(lambda sync: Order.metadata.create_all(sync.connection()))
        await session.commit()
    yield application
    await db.close()
    await engine.dispose() if isinstance(engine, AsyncEngine) else engine.dispose()


@dataclass
class Boundaries:
    """Calls `strike(connection)` at the boundary number `at`: before each statement and each COMMIT."""

    at: int = -1
    strike: Callable[[Any], None] = lambda connection: None
    met: list[str] = field(default_factory=list)

    def _meet(self, connection: Any, what: str) -> None:
        self.met.append(what)
        if len(self.met) - 1 == self.at:
            self.strike(connection)

    def _commit(self, dialect: Any) -> Callable[[Any], None]:
        commit = dialect.do_commit

        def do_commit(connection: Any) -> None:
            try:
                self._meet(connection, "COMMIT")
            except Exception:
                dialect.do_rollback(connection)  # as a server does that refuses to commit
                raise
            commit(connection)

        return do_commit

    @contextmanager
    def of(self, *engines: Any) -> Any:
        """Watch the engines for the length of the block."""
        listeners = {
            "before_cursor_execute": lambda connection, _cursor, text, *_: self._meet(connection, text),
        }
        targets = [getattr(engine, "sync_engine", engine) for engine in engines]
        for target in targets:
            for name, listener in listeners.items():
                event.listen(target, name, listener)
            target.dialect.do_commit = self._commit(target.dialect)
        try:
            yield
        finally:
            for target in targets:
                for name, listener in listeners.items():
                    event.remove(target, name, listener)
                del target.dialect.do_commit


def strike_with(how: str, application: Application) -> Callable[[Any], None]:
    """An error of the driver, the end of the task or of the thread, or a server that ends the connection."""
    task = asyncio.current_task()

    def error(_connection: Any) -> None:
        raise LookupError("the driver's own")

    def end(_connection: Any) -> None:
        if isinstance(application.engine, AsyncEngine):
            assert task is not None
            task.cancel()
        else:
            raise Strike

    def loss(connection: Any) -> None:
        driver = (connection.connection if isinstance(connection, Connection) else connection).driver_connection
        pid = driver.get_server_pid() if hasattr(driver, "get_server_pid") else driver.info.backend_pid
        with psycopg.connect(application.url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    return {"error": error, "end": end, "loss": loss}[how]


# -- units of work --------------------------------------------------------------------------------------------


async def agents_rows(tx: Any, number: int) -> None:
    """Rows of three repositories, one of them in a savepoint."""
    await tx.sessions.upsert(a_session(f"s{number}"))
    await tx.runs.upsert(a_run(f"r{number}", session_id=f"s{number}", status="RUNNING"))
    async with tx.savepoint() as part:
        await part.memories.upsert(a_memory(f"m{number}"))
        await part.runs.patch(f"r{number}", f"s{number}", lambda run: {"status": "COMPLETED"})


async def alone(application: Application, number: int) -> None:
    """A transaction of ours."""
    async with application.db.transaction() as tx:
        await agents_rows(tx, number)


async def together(application: Application, number: int) -> None:
    """The application's rows with those of the agents."""
    async with application.session() as session:
        session.add(Order(number=number))
        async with application.db.transaction(session=session) as tx:
            await agents_rows(tx, number)
        await session.commit()


async def all_the_same(application: Application, number: int) -> None:
    """The application stores its own rows when those of the agents cannot be."""
    async with application.session() as session:
        session.add(Order(number=number))
        await session.flush()
        with suppress(Exception, asyncio.CancelledError, Strike):
            async with application.db.transaction(session=session) as tx:
                await agents_rows(tx, number)
        await session.commit()


async def in_parts(application: Application, number: int) -> None:
    """A transaction that goes on without the part that has failed."""
    async with application.db.transaction() as tx:
        await tx.memories.upsert(a_memory(f"first{number}"))
        with suppress(Exception, asyncio.CancelledError, Strike):
            async with tx.savepoint() as part:
                await agents_rows(part, number)
        await tx.memories.upsert(a_memory(f"last{number}"))


async def left_of(application: Application, number: int) -> dict[str, list[bool]]:
    """Which rows of a unit are there: those of the agents, the application's, those around the savepoint."""
    db = application.db
    run = await db.runs.get(f"r{number}")
    rows = [await db.sessions.get(f"s{number}"), run, await db.memories.get(f"m{number}")]
    around = [await db.memories.get(f"{place}{number}") is not None for place in ("first", "last")]
    agents = [row is not None for row in rows]
    if run is not None:
        agents.append(run.status == "COMPLETED")
    return {"agents": agents, "order": [number in await application.orders()], "around": around}


# For each unit: what is there when it has raised nothing, and what must be there when something of it is.
WHOLE = {
    alone: ("agents",),
    together: ("agents", "order"),
    all_the_same: ("order",),
    in_parts: ("around",),
}
