"""Tables that somebody has dropped are made again, and the others are left as they are."""

from __future__ import annotations

from migration_tools import Database
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.migrations import runner
from agnodb.migrations.boot import ensure_schema
from agnodb.migrations.head import HEAD


async def _drop(database: Database) -> None:
    database.execute(f"DROP TABLE {database.name('agno_memories')}")


async def test_an_upgrade_at_head_restores_them(database: Database, engine: AsyncEngine) -> None:
    await runner.upgrade(engine, database.layout)
    await _drop(database)
    await runner.upgrade(engine, database.layout)
    assert await runner.check(engine, database.layout) == []
    assert await runner.current(engine, database.layout) == HEAD


async def test_a_server_restores_them_when_it_is_told_to_make_tables(database: Database, engine: AsyncEngine) -> None:
    await ensure_schema(engine, database.layout)
    await _drop(database)
    await ensure_schema(engine, database.layout)  # at head: one statement, and no look at the tables
    assert await runner.check(engine, database.layout) != []
    await ensure_schema(engine, database.layout, complete=True)
    assert await runner.check(engine, database.layout) == []


async def test_rows_of_the_other_tables_stay(database: Database, engine: AsyncEngine) -> None:
    await runner.upgrade(engine, database.layout)
    database.execute(
        f"INSERT INTO {database.name('agno_sessions')} (session_id, session_type, created_at) VALUES ('s', 'agent', 1)"
    )
    await _drop(database)
    await runner.upgrade(engine, database.layout)
    assert database.execute(f"SELECT session_id FROM {database.name('agno_sessions')}") == [("s",)]
