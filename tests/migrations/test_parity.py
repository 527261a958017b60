"""What `upgrade` makes is what agno makes, and little more; what agno makes is taken over as it is."""

from __future__ import annotations

from typing import Any

import pytest
from migration_tools import AGNO_TABLES, OWN_TABLES, Database, agno_db, make_agno_tables, rows, sample_rows, shape
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.errors import SchemaOutdatedError
from agnodb.migrations import runner
from agnodb.migrations.boot import ensure_schema
from agnodb.migrations.head import HEAD
from agnodb.models import tables_for


def assert_contains(whole: Any, part: Any, path: str = "") -> None:
    """Every entry of the mapping `part` is in `whole`, at every level."""
    if isinstance(part, dict):
        for key, value in part.items():
            assert key in whole, f"{path}/{key} is missing"
            assert_contains(whole[key], value, f"{path}/{key}")
    else:
        assert whole == part, path


async def test_everything_that_agno_makes_is_made(database: Database, other: Database, engine: AsyncEngine) -> None:
    await make_agno_tables(other)
    await runner.upgrade(engine, database.layout)

    theirs, ours = shape(other, tables=AGNO_TABLES), shape(database)

    assert set(theirs) == AGNO_TABLES
    assert_contains(ours, theirs)
    assert set(ours) == {*AGNO_TABLES, *OWN_TABLES, "agnodb_version"}

    # And what is more cannot make a write of agno fail.
    for table in AGNO_TABLES:
        for name in set(ours[table]["columns"]) - set(theirs[table]["columns"]):
            _, nullable, _ = ours[table]["columns"][name]
            assert name.startswith("agnodb_")
            assert nullable
        for name in set(ours[table]["indexes"]) - set(theirs[table]["indexes"]):
            assert "UNIQUE" not in ours[table]["indexes"][name]
        for part in ("primary", "foreign", "unique"):
            assert ours[table][part] == theirs[table][part]


async def test_head_is_what_the_models_say(database: Database, other: Database, engine: AsyncEngine) -> None:
    await runner.upgrade(engine, database.layout)
    with other.sync().begin() as connection:
        if other.is_postgres:
            connection.exec_driver_sql("CREATE SCHEMA ai")
        tables_for(other.layout).metadata.create_all(connection)

    assert shape(database, tables=AGNO_TABLES | OWN_TABLES) == shape(other)
    assert await runner.check(engine, database.layout) == []


async def test_each_table_is_stamped_for_agno(database: Database, engine: AsyncEngine) -> None:
    from agno.db.migrations.manager import MigrationManager

    await runner.upgrade(engine, database.layout)
    stamps = dict(database.execute(f"SELECT table_name, version FROM {database.name('agno_schema_versions')}"))
    latest = MigrationManager.available_versions[-1][1].public
    assert stamps == dict.fromkeys(AGNO_TABLES - {"agno_schema_versions"}, latest)


async def test_a_database_of_agno_is_taken_over(database: Database, engine: AsyncEngine) -> None:
    await make_agno_tables(database)
    sample_rows(database)
    before, extra = rows(database), set(shape(database)) - AGNO_TABLES

    await ensure_schema(engine, database.layout)

    assert rows(database) == before
    assert database.versions() == {"default": HEAD}
    assert await runner.check(engine, database.layout) == []
    assert set(shape(database)) == {*AGNO_TABLES, *OWN_TABLES, *extra, "agnodb_version"}


async def test_tables_that_agno_has_not_made_yet_are_added(database: Database, engine: AsyncEngine) -> None:
    """agno makes a table when it first needs it."""
    theirs = agno_db(database)
    await theirs._get_table("runs", create_table_if_not_found=True)
    await theirs.db_engine.dispose()
    assert {"agno_sessions", "agno_runs", "agno_schema_versions"} == set(shape(database))
    await ensure_schema(engine, database.layout)
    assert await runner.check(engine, database.layout) == []
    assert set(shape(database)) == {*AGNO_TABLES, *OWN_TABLES, "agnodb_version"}


async def test_taken_out_again_agno_has_what_it_made(database: Database, engine: AsyncEngine) -> None:
    await make_agno_tables(database)
    sample_rows(database)
    before, theirs = rows(database), shape(database, tables=AGNO_TABLES)
    await ensure_schema(engine, database.layout)

    await runner.downgrade(engine, database.layout, "0001")

    assert rows(database) == before
    ours = shape(database, tables=AGNO_TABLES)
    # The one index that agno makes on SQLite only.
    ours["agno_metrics"]["indexes"].pop("idx_agno_metrics_aggregation_period")
    theirs["agno_metrics"]["indexes"].pop("idx_agno_metrics_aggregation_period", None)
    assert ours == theirs


# What makes agno's tables older, and what undoes it.
OLDER = [
    (
        ["ALTER TABLE {schedules} DROP COLUMN disabled_reason"],
        ["ALTER TABLE {schedules} ADD COLUMN disabled_reason VARCHAR"],
    ),
    (
        ["UPDATE {versions} SET version = '2.5.6' WHERE table_name = 'agno_memories'"],
        ["UPDATE {versions} SET version = '3.0.0' WHERE table_name = 'agno_memories'"],
    ),
    (  # The runs are still in the sessions: nobody has stamped them as moved.
        [
            "ALTER TABLE {sessions} ADD COLUMN runs VARCHAR",
            "UPDATE {versions} SET table_name = 'x' WHERE table_name = 'agno_sessions'",
        ],
        ["UPDATE {versions} SET table_name = 'agno_sessions' WHERE table_name = 'x'"],
    ),
]


async def test_tables_of_an_older_agno_are_refused_untouched(database: Database, engine: AsyncEngine) -> None:
    await make_agno_tables(database)
    sample_rows(database)
    tables = {"schedules": "agno_schedules", "versions": "agno_schema_versions", "sessions": "agno_sessions"}
    names = {key: database.name(table) for key, table in tables.items()}
    for change, undo in OLDER:
        database.execute(*(statement.format(**names) for statement in change))
        before = shape(database), rows(database)
        with pytest.raises(SchemaOutdatedError, match="agnodb adopt"):
            await ensure_schema(engine, database.layout)
        assert (shape(database), rows(database)) == before
        database.execute(*(statement.format(**names) for statement in undo))
    await ensure_schema(engine, database.layout)


async def test_a_legacy_column_that_agno_kept_as_a_backup_is_no_drift(database: Database, engine: AsyncEngine) -> None:
    await make_agno_tables(database)
    database.execute(
        f"ALTER TABLE {database.name('agno_sessions')} ADD COLUMN runs VARCHAR",
        f"CREATE INDEX mine ON {database.name('agno_sessions')} (team_id, user_id)",
        f"CREATE TABLE {database.name('somebody_elses')} (id INTEGER)",
    )
    await ensure_schema(engine, database.layout)
    assert await runner.check(engine, database.layout) == []
