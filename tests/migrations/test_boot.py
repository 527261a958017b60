"""What a server meets at its first call."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agno.session import AgentSession
from migration_tools import AGNO_TABLES, OWN_TABLES, REPOSITORY, Database, make_agno_tables, shape
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agnodb import AsyncPostgresDb
from agnodb.config import Layout, TableNames, upgrade_command
from agnodb.errors import AgnoDbError, ConfigurationError, SchemaOutdatedError, UnavailableError
from agnodb.migrations import runner
from agnodb.migrations.boot import ensure_schema
from agnodb.migrations.head import HEAD
from agnodb.testing.servers import PostgresAccess
from agnodb.testing.wire import CountingProxy
from agnodb.urls import async_url


async def test_an_empty_database_is_filled(database: Database, engine: AsyncEngine) -> None:
    await ensure_schema(engine, database.layout)
    assert set(shape(database)) == {*AGNO_TABLES, *OWN_TABLES, "agnodb_version"}


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_an_empty_database_costs_few_round_trips(
    postgres: Database, postgres_server: PostgresAccess, driver: str
) -> None:
    with CountingProxy(postgres_server.host, postgres_server.port) as proxy:
        db = AsyncPostgresDb(db_url=proxy.url(postgres.url).replace("postgresql", f"postgresql+{driver}", 1))
        with proxy.count() as wire:
            await db.upsert_session(AgentSession(session_id="s"))
        await db.close()
    assert wire.round_trips <= 40  # a second login included: the connection that held the lock is given up
    assert sum("CREATE TABLE" in text for text in wire.texts) == 1  # all revisions are one statement
    assert sum("pg_catalog.pg_index" in text for text in wire.texts) <= 2
    engine = postgres.engine()
    assert await runner.check(engine, postgres.layout) == []
    await engine.dispose()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_names_that_need_care_in_a_script(postgres: Database, driver: str) -> None:
    names = {
        "session_table": "it's",
        "runs_table": 'a "b" \\n c',
        "memory_table": "100%s :d",
        "traces_table": "$agnodb$; END",
    }
    for tab in ("", "\t"):
        layout = Layout("100%; 'x'" + tab, TableNames.from_arguments({key: name + tab for key, name in names.items()}))
        engine = create_async_engine(async_url(postgres.url).set(drivername=f"postgresql+{driver}"))
        await ensure_schema(engine, layout)
        assert await runner.check(engine, layout) == []
        assert set(shape(postgres, layout.schema)) == {*layout.names.all(), "agnodb_version"}
        told = postgres.execute(f'SELECT tables FROM "{layout.schema}".agnodb_version')
        assert json.loads(told[0][0]) == layout.names.as_dict()
        await engine.dispose()


async def test_a_script_that_fails_leaves_nothing(postgres: Database) -> None:
    function = "ai.agnodb_insert_agno_runs_agno_metrics()"
    postgres.execute("CREATE SCHEMA ai", f"CREATE FUNCTION {function} RETURNS int RETURN 1")
    engine = postgres.engine()
    with pytest.raises(AgnoDbError) as raised:
        await ensure_schema(engine, postgres.layout)
    assert raised.value.facts["sqlstate"] == "42P13"  # the last revision needs a function of this name
    assert shape(postgres) == {}
    postgres.execute(f"DROP FUNCTION {function}")
    await ensure_schema(engine, postgres.layout)
    assert postgres.versions() == {"default": HEAD}
    await engine.dispose()


async def test_at_head_it_is_one_statement(database: Database, engine: AsyncEngine) -> None:
    await ensure_schema(engine, database.layout)
    statements: list[str] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(_c, _cursor, statement: str, *_rest: object) -> None:
        statements.append(statement)

    await ensure_schema(engine, database.layout)
    assert len(statements) == 1


def test_at_head_alembic_is_not_loaded(sqlite: Database) -> None:
    code = (
        "import asyncio, sys\n"
        "from agnodb.config import Layout\n"
        "from agnodb.migrations.boot import ensure_schema\n"
        "from sqlalchemy.ext.asyncio import create_async_engine\n"
        "asyncio.run(ensure_schema(create_async_engine(sys.argv[1]), Layout()))\n"
        "print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(async_url(sqlite.url))]
    for loaded in ("True", "False"):
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [loaded]


async def test_behind_names_the_command(database: Database, engine: AsyncEngine) -> None:
    layout = database.layout_of(session_table="chats")
    await runner.upgrade(engine, layout, "0001")
    for _ in range(2):
        with pytest.raises(SchemaOutdatedError) as raised:
            await ensure_schema(engine, layout)
        expected = "agnodb upgrade --table session_table=chats"
        assert str(raised.value).endswith(expected)
        assert raised.value.facts["command"] == expected == upgrade_command(layout)
    await runner.upgrade(engine, layout)
    await ensure_schema(engine, layout)


async def test_nothing_is_made_unasked(database: Database, engine: AsyncEngine) -> None:
    with pytest.raises(SchemaOutdatedError, match="agnodb upgrade"):
        await ensure_schema(engine, database.layout, create=False)
    assert shape(database) == {}


async def test_a_newer_revision_is_fine(
    database: Database, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    await ensure_schema(engine, database.layout)
    database.execute(f"UPDATE {database.name('agnodb_version')} SET revision = '9999'")
    with caplog.at_level("INFO", "agnodb"):
        await ensure_schema(engine, database.layout)
    assert "9999" in caplog.text


async def test_the_applications_alembic_version_is_not_ours(database: Database, engine: AsyncEngine) -> None:
    if database.schema:
        database.execute("CREATE SCHEMA ai")
    database.execute(
        f"CREATE TABLE {database.name('alembic_version')} (version_num VARCHAR)",
        f"INSERT INTO {database.name('alembic_version')} VALUES ('theirs')",
    )
    await ensure_schema(engine, database.layout)
    assert database.execute(f"SELECT * FROM {database.name('alembic_version')}") == [("theirs",)]


async def test_pooled_connections_are_as_they_were(database: Database) -> None:
    engine = create_async_engine(async_url(database.url), pool_size=1, max_overflow=0, pool_timeout=5)
    await ensure_schema(engine, database.layout)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            f"INSERT INTO {database.name('agno_sessions')} (session_id, session_type, created_at)"
            " VALUES ('s', 'agent', 1)"
        )
        await connection.rollback()
    assert database.execute(f"SELECT * FROM {database.name('agno_sessions')}") == []
    if database.is_postgres:
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert database.execute(held) == [(0,)]
    await engine.dispose()


async def test_a_database_in_memory() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    await ensure_schema(engine, Layout())
    assert await runner.check(engine, Layout()) == []
    await engine.dispose()


@pytest.mark.parametrize("url", ["postgresql://u:geheim@127.0.0.1:1/x", "sqlite:////no/such/folder/x.db"])
async def test_unreachable(url: str) -> None:
    engine = create_async_engine(async_url(url))
    with pytest.raises(UnavailableError) as raised:
        await ensure_schema(engine, Layout("ai" if "post" in url else None))
    assert "geheim" not in f"{raised.value} {raised.value.detail}"
    await engine.dispose()
    await asyncio.sleep(0.05)  # aiosqlite's thread has a last word for the loop


@pytest.fixture
def no_database(sqlite: Database) -> Database:
    file = Path(sqlite.url.removeprefix("sqlite:///"))
    file.write_text("not a database, but long enough to be looked at" * 100)
    return sqlite


async def test_a_file_that_is_no_database(no_database: Database) -> None:
    engine = no_database.engine()
    with pytest.raises(ConfigurationError):
        await ensure_schema(engine, Layout())
    await engine.dispose()


@pytest.fixture
async def reader(postgres: Database) -> AsyncIterator[AsyncEngine]:
    """An engine of a role that may use schema `ai` (once it is there), and create nothing."""
    postgres.execute("CREATE ROLE agnodb_reader LOGIN", "CREATE SCHEMA ai", "GRANT USAGE ON SCHEMA ai TO agnodb_reader")
    engine = create_async_engine(async_url(postgres.url).set(username="agnodb_reader"))
    yield engine
    await engine.dispose()
    postgres.execute("DROP OWNED BY agnodb_reader", "DROP ROLE agnodb_reader")


GRANTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ai TO agnodb_reader"


async def test_a_role_without_rights_to_create(postgres: Database, reader: AsyncEngine) -> None:
    with pytest.raises(ConfigurationError, match=r"may not create them.*agnodb upgrade$"):
        await ensure_schema(reader, postgres.layout)
    assert shape(postgres) == {}

    owner = postgres.engine()
    await runner.upgrade(owner, postgres.layout)
    with pytest.raises(ConfigurationError) as raised:  # not even allowed to look
        await ensure_schema(reader, postgres.layout)
    assert raised.value.facts["sqlstate"] == "42501"
    postgres.execute(GRANTS)
    await ensure_schema(reader, postgres.layout)
    assert await runner.check(reader, postgres.layout) == []

    await runner.downgrade(owner, postgres.layout, "0001")
    with pytest.raises(SchemaOutdatedError, match="agnodb upgrade"):
        await ensure_schema(reader, postgres.layout)
    await owner.dispose()


async def test_a_file_that_may_only_be_read(sqlite: Database) -> None:
    sqlite.execute("CREATE TABLE theirs (id INTEGER)")
    path = sqlite.url.removeprefix("sqlite:///")
    reader = create_async_engine(f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(ConfigurationError, match=r"may not create them.*agnodb upgrade$"):
        await ensure_schema(reader, sqlite.layout)
    writer = sqlite.engine()
    await ensure_schema(writer, sqlite.layout)
    await ensure_schema(reader, sqlite.layout)
    await reader.dispose()
    await writer.dispose()


async def test_rights_in_the_schema_are_enough(postgres: Database, reader: AsyncEngine) -> None:
    postgres.execute("GRANT CREATE ON SCHEMA ai TO agnodb_reader")
    await ensure_schema(reader, postgres.layout)
    assert postgres.versions() == {"default": HEAD}


async def test_waits_for_an_upgrade_that_is_under_way(postgres: Database) -> None:
    await make_agno_tables(postgres)
    postgres.execute("INSERT INTO ai.agno_sessions (session_id, session_type, created_at) VALUES ('s', 'agent', 1)")
    first, second = postgres.engine(), postgres.engine()
    upgrading = asyncio.create_task(runner.upgrade(first, postgres.layout))
    while await runner.current(second, postgres.layout) is None:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    # Between the revisions, because an index is being built on a table that has rows.
    assert await runner.current(second, postgres.layout) == "0001"
    assert not upgrading.done()
    await ensure_schema(second, postgres.layout)
    assert await runner.current(second, postgres.layout) == HEAD
    await upgrading
    await first.dispose()
    await second.dispose()


def test_every_argument_of_agno_is_in_the_command() -> None:
    names = TableNames.from_arguments({argument: f"t_{argument}" for argument in TableNames.arguments()})
    command = upgrade_command(Layout("s", names))
    assert command.startswith("agnodb upgrade --schema s --table session_table=t_session_table ")
    assert command.count("--table") == len(TableNames.arguments())
