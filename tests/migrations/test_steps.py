"""Up, down, again; SQL to run by hand; other names and schemas."""

from __future__ import annotations

import asyncio

import pytest
from migration_tools import AGNO_TABLES, OWN_TABLES, Database, make_agno_tables, rows, sample_rows, shape
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.config import Layout, TableNames
from agnodb.errors import ConfigurationError
from agnodb.migrations import runner
from agnodb.migrations.head import HEAD, REVISIONS


async def test_up_down_up(database: Database, engine: AsyncEngine) -> None:
    layout = database.layout
    await runner.upgrade(engine, layout)
    made = shape(database)
    for revision in [*REVISIONS[-2::-1], "base"]:
        await runner.downgrade(engine, layout, revision)
        assert await runner.current(engine, layout) == (None if revision == "base" else revision)
    assert set(shape(database)) == {"agnodb_version"}
    assert database.versions() == {}
    for revision in REVISIONS:
        await runner.upgrade(engine, layout, revision)
        assert await runner.current(engine, layout) == revision
    assert shape(database) == made


async def test_each_revision_can_be_run_twice(database: Database, engine: AsyncEngine) -> None:
    await runner.upgrade(engine, database.layout)
    sample_rows(database)
    made, kept = shape(database), rows(database)
    await runner.stamp(engine, database.layout, "base")
    assert database.versions() == {}
    await runner.upgrade(engine, database.layout)
    assert (shape(database), rows(database)) == (made, kept)


async def test_what_somebody_dropped_is_drift_and_comes_back(database: Database, engine: AsyncEngine) -> None:
    layout = database.layout
    await runner.upgrade(engine, layout)
    made = shape(database)
    schema = f'"{database.schema}".' if database.schema else ""
    database.execute(
        f"DROP INDEX {schema}idx_agno_sessions_changed",
        f"DROP INDEX {schema}idx_agno_runs_status",
        f"ALTER TABLE {database.name('agno_sessions')} DROP COLUMN agnodb_row_version",
        f"DROP TABLE {database.name('agno_approvals')}",
    )
    trigger = layout.names.triggers()["runs"][1]
    database.execute(f'DROP TRIGGER "{trigger}"' + (f" ON {schema}agno_runs" if schema else ""))
    lines = await runner.check(engine, layout)
    assert f"add_trigger {trigger} on agno_runs" in lines
    assert "add_table agno_approvals" in lines
    assert "add_index idx_agno_sessions_changed on agno_sessions" in lines
    assert "add_index idx_agno_runs_status on agno_runs" in lines
    assert any("agnodb_row_version" in line for line in lines)

    await runner.stamp(engine, layout, "base")
    await runner.upgrade(engine, layout)
    assert await runner.check(engine, layout) == []
    tables = {table: {**parts, "columns": set(parts["columns"])} for table, parts in shape(database).items()}
    assert tables == {table: {**parts, "columns": set(parts["columns"])} for table, parts in made.items()}


async def test_stamp_changes_no_table(database: Database, engine: AsyncEngine) -> None:
    for revision in (HEAD, "0001", "head"):
        await runner.stamp(engine, database.layout, revision)
        assert await runner.current(engine, database.layout) == (HEAD if revision == "head" else revision)
    await runner.stamp(engine, database.layout, "base")
    assert await runner.current(engine, database.layout) is None
    assert set(shape(database)) == {"agnodb_version"}


@pytest.mark.parametrize("target", ["nope", "+7", "0002:0001"])
async def test_an_unknown_revision_is_a_clear_error(engine: AsyncEngine, database: Database, target: str) -> None:
    with pytest.raises(ConfigurationError):
        await runner.upgrade(engine, database.layout, target)


async def test_a_database_of_a_newer_agnodb_is_left_alone(engine: AsyncEngine, database: Database) -> None:
    await runner.upgrade(engine, database.layout)
    database.execute(f"UPDATE {database.name('agnodb_version')} SET revision = '9999'")
    before = shape(database)
    for work in (runner.upgrade(engine, database.layout), runner.downgrade(engine, database.layout, "base")):
        with pytest.raises(ConfigurationError, match="9999"):
            await work
    assert shape(database) == before
    assert len(await runner.check(engine, database.layout)) == 1
    await runner.stamp(engine, database.layout, "head")
    assert await runner.check(engine, database.layout) == []


@pytest.mark.parametrize("ranges", [["head"], ["0001", "0001:head"]], ids=["at once", "in steps"])
async def test_sql_to_run_by_hand_makes_the_same(database: Database, engine: AsyncEngine, ranges: list[str]) -> None:
    layout = database.layout
    for target in ranges:
        run_script(database, runner.offline_sql(database.url, layout, target))
    by_hand = shape(database)
    assert await runner.check(engine, layout) == []
    assert database.versions() == {"default": HEAD}
    stamps = database.execute(f"SELECT count(*) FROM {database.name('agno_schema_versions')}")
    assert stamps == [(12,)]
    run_script(database, runner.offline_sql(database.url, layout, f"{HEAD}:base"))
    assert set(shape(database)) == {"agnodb_version"}
    await runner.upgrade(engine, layout)
    assert shape(database) == by_hand


def run_script(database: Database, script: str) -> None:
    """As psql or sqlite3 would."""
    if database.is_postgres:
        import psycopg

        with psycopg.connect(database.url, autocommit=True) as connection:
            if "CONCURRENTLY" not in script:
                connection.execute(script)
                return
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
        return
    import sqlite3

    with sqlite3.connect(database.url.removeprefix("sqlite:///")) as connection:
        connection.executescript(script)


async def test_sql_from_the_beginning_does_no_harm_to_what_is_there(
    postgres: Database,
) -> None:
    await make_agno_tables(postgres)
    sample_rows(postgres)
    before = rows(postgres)
    run_script(postgres, runner.offline_sql(postgres.url, postgres.layout))
    assert rows(postgres) == before
    engine = postgres.engine()
    assert await runner.check(engine, postgres.layout) == []
    await engine.dispose()


async def test_two_sets_of_names_in_one_schema(database: Database, engine: AsyncEngine) -> None:
    every = {argument: f"b_{concept}" for argument, concept in TableNames.arguments().items()}
    first, second = database.layout, database.layout_of(**every)
    await asyncio.gather(runner.upgrade(engine, first), runner.upgrade(engine, second))
    assert set(shape(database)) == {
        *(*AGNO_TABLES, *OWN_TABLES, *every.values(), *second.names.own().values(), "agnodb_version")
    }
    assert await runner.check(engine, first) == await runner.check(engine, second) == []

    await runner.downgrade(engine, second, "base")
    assert set(shape(database)) == {*AGNO_TABLES, *OWN_TABLES, "agnodb_version"}
    assert await runner.check(engine, first) == []
    assert await runner.current(engine, second) is None


async def test_a_table_that_another_set_uses_is_never_dropped(database: Database, engine: AsyncEngine) -> None:
    first, second = database.layout, database.layout_of(session_table="chats")
    await runner.upgrade(engine, first)
    made = shape(database)
    await runner.upgrade(engine, second)
    assert {"chats", "chats_runs"} <= set(shape(database))
    lines: list[str] = []
    await runner.downgrade(engine, second, "base", progress=lines.append)
    assert shape(database) == made
    assert any("agno_memories" in line for line in lines)
    assert await runner.check(engine, first) == []


NAMES = {
    "long": {"session_table": "s" * 63, "runs_table": "r" * 63, "memory_table": "é" * 31, "schedules_table": "s" * 62},
    "odd": {"session_table": "My 'Chats' 100%", "traces_table": "select", "versions_table": "v'; --"},
}


@pytest.mark.parametrize("arguments", NAMES.values(), ids=NAMES)
async def test_any_table_name(database: Database, engine: AsyncEngine, arguments: dict[str, str]) -> None:
    layout = database.layout_of(**arguments)
    await runner.upgrade(engine, layout)
    assert set(shape(database)) == {*(*layout.names.as_dict().values(), *layout.names.own().values(), "agnodb_version")}
    assert await runner.check(engine, layout) == []
    by_runner = shape(database)
    await runner.downgrade(engine, layout, "base")
    run_script(database, runner.offline_sql(database.url, layout))
    assert shape(database) == by_runner


@pytest.mark.parametrize("schema", ["My-Schema", "public", "a b' 100%"])
async def test_any_schema(postgres: Database, schema: str) -> None:
    engine, layout = postgres.engine(), Layout(schema)
    await runner.upgrade(engine, layout)
    assert set(shape(postgres, schema)) == {*AGNO_TABLES, *OWN_TABLES, "agnodb_version"}
    assert await runner.check(engine, layout) == []
    await runner.downgrade(engine, layout, "base")
    assert set(shape(postgres, schema)) == {"agnodb_version"}
    await engine.dispose()


async def test_names_that_lead_to_one_index_name_are_refused(database: Database, engine: AsyncEngine) -> None:
    # idx_<sessions>_user_id_created_at and idx_<sessions>_user_id + _created_at
    layout = database.layout_of(session_table="s", memory_table="s_user_id")
    with pytest.raises(ConfigurationError, match="index name"):
        await runner.upgrade(engine, layout)
    assert shape(database) == {}
