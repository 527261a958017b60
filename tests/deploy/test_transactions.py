"""Transactions, savepoints and the application's own session on real databases: all of it or nothing."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from half_saved import (
    PLACES,
    WHOLE,
    Application,
    Boundaries,
    Strike,
    all_the_same,
    an_application,
    in_parts,
    left_of,
    strike_with,
    together,
    with_foreign_keys,
)
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import PendingRollbackError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from agnodb import AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SqliteDb
from agnodb.errors import AgnoDbError, ConfigurationError, OwnershipError, UnavailableError, WrongLoopError
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.sessions import a_session

SQLITE = [name for name in PLACES if "sqlite" in name]
PID = text("SELECT pg_backend_pid()")
Unit = Callable[[Application, int], Awaitable[None]]


@pytest.fixture(params=PLACES)
async def application(request: pytest.FixtureRequest) -> Any:
    url = request.getfixturevalue("sqlite_url" if request.param in SQLITE else "postgres_url")
    async with an_application(request.param, url) as made:
        yield made


async def struck(application: Application, unit: Unit, number: int, how: str, at: int) -> type[BaseException] | None:
    """The class of what the unit raises that is struck at one of its boundaries."""

    async def work() -> None:
        with Boundaries(at, strike_with(how, application)).of(application.engine, application.db.db_engine):
            await unit(application, number)

    task = asyncio.create_task(work())
    await asyncio.wait({task})
    if task.cancelled():
        return asyncio.CancelledError
    raised = error = task.exception()
    while error is not None:  # a frame refers to a cursor, which keeps open the application's connection to SQLite
        traceback.clear_frames(error.__traceback__)
        error = error.__context__
    return None if raised is None else type(raised)


async def strike_everywhere(application: Application, unit: Unit, how: str, first: int) -> set[tuple[bool, bool]]:
    """What was left, each time, of the whole and of the agents' rows. `first` is a number that nobody has used."""
    boundaries, outcomes = Boundaries(), set()
    with boundaries.of(application.engine, application.db.db_engine):
        await unit(application, first)
    complete = await left_of(application, first)
    assert all(all(complete[part]) for part in (*WHOLE[unit], "agents"))
    for at, boundary in enumerate(boundaries.met):
        error = await struck(application, unit, first + 1 + at, how, at)
        async with asyncio.timeout(5):  # no connection leaks; who was cancelled does not wait for the commit
            while application.checked_out():  # noqa: ASYNC110  (pools have no event)
                await asyncio.sleep(0.001)
        left = await left_of(application, first + 1 + at)
        where = (unit.__name__, how, boundary, error, left)
        agents, whole = {*left["agents"]}, {row for part in WHOLE[unit] for row in left[part]}
        assert len(agents) == len(whole) == 1, where
        assert whole == {True} or agents == {False}, where
        if error is None:
            assert whole == {True}, where
        else:
            assert issubclass(error, (AgnoDbError, SQLAlchemyError, LookupError, Strike, asyncio.CancelledError)), where
            assert whole == {False} or how == "end", where  # who is cancelled while it commits is not told
        outcomes.add((whole == {True}, agents == {True}))
    return outcomes


async def test_units_struck_at_every_boundary_are_there_or_not(application: Application) -> None:
    """Not every kind of strike for every unit: with the connection, all that was not committed goes at once."""
    on_sqlite = application.url.startswith("sqlite")
    cases = [(unit, how) for unit in WHOLE for how in ("error", "end")]
    if not on_sqlite:
        cases += [(together, "loss"), (in_parts, "loss")]
    for case, (unit, how) in enumerate(cases):
        outcomes = await strike_everywhere(application, unit, how, case * 100)
        assert (False, False) in outcomes
        if how == "error" and unit in (all_the_same, in_parts):
            assert (True, False) in outcomes


# -- sessions that cannot be joined ---------------------------------------------------------------------------


async def refusal(db: Any, session: Any) -> str:
    """The text of the error."""
    with pytest.raises(ConfigurationError) as raised:
        async with db.transaction(session=session):
            raise AssertionError("nothing has begun")
    return str(raised.value)


async def test_sessions_of_another_kind(tmp_path: Path, sqlite_url: str) -> None:
    async with AsyncSqliteDb(db_url=sqlite_url) as db:
        with Session(create_engine("sqlite://")) as blocking:
            assert "AsyncSession" in await refusal(db, blocking)
        other = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")  # is not even connected to
        assert "another kind of database" in await refusal(db, AsyncSession(other))
        assert "not open" in await refusal(db, AsyncConnection(db.db_engine))
        async with db.db_engine.connect() as connection:
            pass
        assert "not open" in await refusal(db, connection)
        assert "bound to no engine" in await refusal(db, AsyncSession())
        final = AsyncSession(db.db_engine, close_resets_only=False)
        await final.close()
        assert "closed" in await refusal(db, final)
        assert db.db_engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    with SqliteDb(db_url=sqlite_url) as sync, pytest.raises(ConfigurationError, match="SQLAlchemy's Session"):
        sync.transaction(session=AsyncSession()).__enter__()  # type: ignore[arg-type]


async def test_sqlite_without_foreign_keys(sqlite_url: str) -> None:
    engine = create_async_engine(sqlite_url.replace("sqlite:", "sqlite+aiosqlite:"))
    async with AsyncSqliteDb(db_url=sqlite_url) as db, AsyncSession(engine) as session:
        assert "foreign keys" in await refusal(db, session)
        await session.rollback()
        await db.memories.upsert(a_memory())  # nobody holds the lock
    await engine.dispose()


async def test_postgresql_sessions_without_a_transaction(postgres_url: str) -> None:
    url = postgres_url.replace("postgresql:", "postgresql+asyncpg:")
    engine, automatic = create_async_engine(url), create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with AsyncPostgresDb(db_url=postgres_url) as db:
        async with AsyncSession(automatic) as session:
            assert "autocommit" in await refusal(db, session)
        async with AsyncSession(engine) as session:
            with pytest.raises(SQLAlchemyError):
                await session.execute(text("SELECT 1 / 0"))
            assert "rolled back" in await refusal(db, session)
            await session.rollback()
            async with db.transaction(session=session) as tx:
                await tx.memories.upsert(a_memory())
            await session.commit()
        assert await db.memories.get("m") is not None
    await engine.dispose()
    await automatic.dispose()


def test_a_session_of_another_loop(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url.replace("postgresql:", "postgresql+asyncpg:"))
    db, session = AsyncPostgresDb(db_url=postgres_url), AsyncSession(engine)

    async def elsewhere() -> None:
        with pytest.raises(WrongLoopError):
            async with db.transaction(session=session):
                raise AssertionError("nothing has begun")
        await db.close()

    with asyncio.Runner() as runner:
        runner.run(session.connection())
        asyncio.run(elsewhere())
        runner.run(session.close())
        runner.run(engine.dispose())


# -- connections that are lost --------------------------------------------------------------------------------


async def kill(url: str, pid: int | None) -> None:
    """End a connection at the server, from another one."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


async def only_backend(db: AsyncPostgresDb) -> int | None:
    """The one connection to the database that is in a transaction."""
    async with db.db_engine.connect() as connection:
        return await connection.scalar(
            text("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'")
        )


async def test_nothing_is_run_again_in_the_applications_transaction(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url.replace("postgresql:", "postgresql+asyncpg:"))
    async with AsyncPostgresDb(db_url=postgres_url) as db, AsyncSession(engine) as session:
        await db.create_tables()
        with pytest.raises(UnavailableError):
            async with db.transaction(session=session) as tx:
                await tx.memories.upsert(a_memory())
                await kill(postgres_url, await session.scalar(PID))
                before = db.statements_run
                with pytest.raises(UnavailableError):
                    await tx.memories.get("m")
                assert db.statements_run == before + 1
        with pytest.raises(PendingRollbackError):
            await session.commit()
        await session.rollback()
        async with db.transaction(session=session) as tx:
            await tx.memories.upsert(a_memory("again"))
        await session.commit()
        assert [await db.memories.get(name) is not None for name in ("m", "again")] == [False, True]
    await engine.dispose()


async def test_a_savepoint_may_be_what_begins_a_transaction(postgres_url: str) -> None:
    """As any first statement, it is run again on another connection when that of the pool has died."""
    async with AsyncPostgresDb(db_url=postgres_url, pool_size=2) as db:
        await db.create_tables()
        async with db.db_engine.connect() as connection:
            pid = await connection.scalar(PID)
        await kill(postgres_url, pid)
        for name in ("a", "b"):
            async with db.transaction() as tx, tx.savepoint() as part:
                await part.memories.upsert(a_memory(name))
        assert len((await db.get_user_memories(deserialize=False))[0]) == 2  # type: ignore[index, arg-type]


async def test_a_transaction_whose_connection_is_lost_in_a_savepoint_is_not_stored(postgres_url: str) -> None:
    async with AsyncPostgresDb(db_url=postgres_url) as db:
        with pytest.raises(UnavailableError):
            async with db.transaction() as tx:
                await tx.memories.upsert(a_memory())
                with pytest.raises(UnavailableError):
                    async with tx.savepoint() as part:
                        await kill(postgres_url, await only_backend(db))
                        await part.memories.upsert(a_memory("part"))
        assert await db.memories.get("m") is None


# -- what else applications do --------------------------------------------------------------------------------


async def test_a_savepoint_that_takes_too_long(application: Application) -> None:
    db = application.db
    async with db.transaction() as tx:
        await tx.memories.upsert(a_memory("before"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), tx.savepoint() as part:
                await part.memories.upsert(a_memory("inside"))
                await asyncio.sleep(5)
        await tx.memories.upsert(a_memory("after"))
    found = [await db.memories.get(name) is not None for name in ("before", "inside", "after")]
    assert found == [True, False, True]


@pytest.mark.parametrize("kind", [SqliteDb, PostgresDb])
def test_without_an_event_loop(kind: Any, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("sqlite_url" if kind is SqliteDb else "postgres_url")
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    if kind is SqliteDb:
        with_foreign_keys(engine)
    with kind(db_url=url) as db, Session(engine) as session:
        db.create_tables()
        with db.transaction(session=session) as tx:
            tx.sessions.upsert(a_session())
            with tx.savepoint() as part:
                part.memories.upsert(a_memory())
                with pytest.raises(ConfigurationError):
                    tx.sessions.get("s")
        session.rollback()
        assert db.sessions.get("s") is None
        with db.transaction(session=session.connection()) as tx:
            tx.sessions.upsert(a_session())
        session.commit()
        assert db.sessions.get("s") is not None
    engine.dispose()


async def test_agnos_objects_in_a_transaction(application: Application) -> None:
    from agno.session import AgentSession

    db = application.db
    await db.sessions.upsert(a_session("bobs", user_id="bob"))
    mine, other = (AgentSession(session_id=name, agent_id="a", user_id="alice") for name in ("mine", "bobs"))
    async with db.transaction() as tx:
        with pytest.raises(OwnershipError):
            await tx.upsert_sessions([mine, other])  # all or none, in a transaction too
        assert await tx.get_session("mine", "agent") is None
        await tx.upsert_session(AgentSession(session_id="alone", agent_id="a", user_id="alice"))
    assert [await db.sessions.get(name) is not None for name in ("mine", "alone")] == [False, True]


def test_an_interrupted_call_gives_the_lock_of_sqlite_back(sqlite_url: str) -> None:
    """Whoever keeps the traceback, as an interactive Python does after Ctrl-C."""
    with SqliteDb(db_url=sqlite_url, lock_timeout=0.2) as db:
        db.create_tables()

        def interrupted(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("INSERT"):
                raise Strike

        event.listen(db.db_engine, "after_cursor_execute", interrupted)
        with pytest.raises(Strike) as kept, db.transaction() as tx:
            tx.memories.upsert(a_memory())
        event.remove(db.db_engine, "after_cursor_execute", interrupted)
        db.memories.upsert(a_memory("next"))
        assert db.memories.get("m") is None
        assert kept.value.__traceback__ is not None
