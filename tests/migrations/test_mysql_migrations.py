"""The chain on MariaDB: down and up, many at once, killed between any two statements, and databases that agno made."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from agno.db.mysql import AsyncMySQLDb as Agnos
from agno.db.mysql import MySQLDb as AgnosOwn
from agno.db.schemas import UserMemory
from agno.run.agent import RunOutput
from agno.session import AgentSession
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from typer.testing import CliRunner

from agnodb import AsyncMySQLDb, MySQLDb
from agnodb.cli import app
from agnodb.config import Layout
from agnodb.drivers import connect_arguments
from agnodb.filters import Page
from agnodb.migrations import runner
from agnodb.migrations.head import HEAD, REVISIONS
from agnodb.testing.mariadb import MySQLAccess
from agnodb.urls import async_url

PROCESSES = 16

KILLED = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from agnodb.config import Layout
from agnodb.drivers import connect_arguments
from agnodb.migrations import runner
from agnodb.urls import async_url

left = int(sys.argv[3])

def count(*_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

address, arguments = connect_arguments(async_url(sys.argv[1]))
engine = create_async_engine(address, connect_args=arguments)
event.listen(engine.sync_engine, "after_cursor_execute", count)
asyncio.run(runner.upgrade(engine, Layout(sys.argv[2])))
"""


@pytest.fixture
def schema(mysql_server: MySQLAccess) -> Iterator[str]:
    """The name of a database that does not exist yet."""
    name = f"agnodb_migrations_{uuid.uuid4().hex[:8]}"
    yield name
    mysql_server.drop_database(name)


@asynccontextmanager
async def engine_on(server: MySQLAccess) -> AsyncIterator[AsyncEngine]:
    address, arguments = connect_arguments(async_url(server.url))
    engine = create_async_engine(address, connect_args=arguments)
    try:
        yield engine
    finally:
        await engine.dispose()


async def test_up_and_down_and_up_again(mysql_server: MySQLAccess, schema: str) -> None:
    layout = Layout(schema)
    async with engine_on(mysql_server) as engine:
        for revision in REVISIONS:
            await runner.upgrade(engine, layout, revision)
            assert await runner.current(engine, layout) == revision
        assert await runner.check(engine, layout) == []
        for revision in (*reversed(REVISIONS[:-1]), "base"):
            await runner.downgrade(engine, layout, revision)
        assert await runner.current(engine, layout) is None
        left = mysql_server.run(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
        assert left == (("agnodb_version",),)
        await runner.upgrade(engine, layout)
        mysql_server.run(
            f"DROP INDEX idx_agno_runs_status ON {schema}.agno_runs",
            f"ALTER TABLE {schema}.agno_runs DROP COLUMN agnodb_written_at",
        )
        assert await runner.check(engine, layout) == [
            f"add_column {schema} agno_runs agnodb_written_at on agno_runs",
            "add_index idx_agno_runs_status on agno_runs",
        ]


async def test_many_processes_at_once(mysql_server: MySQLAccess, schema: str) -> None:
    command = [sys.executable, "-m", "agnodb.cli", "upgrade", "--url", mysql_server.url, "--schema", schema]
    started = [
        await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    for process in started:
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
    async with engine_on(mysql_server) as engine:
        assert await runner.check(engine, Layout(schema)) == []


class Died(BaseException):
    """Stands for the end of a process."""


async def test_who_dies_after_every_single_statement_goes_on(mysql_server: MySQLAccess, schema: str) -> None:
    """Each attempt gets one statement that changes something further; the lock goes with its connection."""
    changes = 0
    for _ in range(300):
        async with engine_on(mysql_server) as engine:
            made = 0

            def die(_connection: Any, _cursor: Any, statement: str, *_further: Any) -> None:
                nonlocal made, changes
                if made:
                    raise Died
                if statement.lstrip().upper().startswith(("CREATE", "ALTER", "INSERT")):
                    made, changes = made + 1, changes + 1

            event.listen(engine.sync_engine, "before_cursor_execute", die)
            try:
                await runner.upgrade(engine, Layout(schema))
            except Died:
                continue
        break
    assert changes > 100
    async with engine_on(mysql_server) as engine:
        await runner.upgrade(engine, Layout(schema))
        assert await runner.check(engine, Layout(schema)) == []


@pytest.mark.parametrize("statements", [12, 60, 130])
async def test_kill_9_in_the_middle(mysql_server: MySQLAccess, schema: str, statements: int) -> None:
    command = [sys.executable, "-c", KILLED, mysql_server.url, schema, str(statements)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, env=os.environ)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    async with engine_on(mysql_server) as engine:
        assert await runner.current(engine, Layout(schema)) != HEAD
        await runner.upgrade(engine, Layout(schema))
        assert await runner.check(engine, Layout(schema)) == []


async def test_what_agno_writes_beside_is_read_although_most_runs_are_known(
    mysql_server: MySQLAccess, schema: str
) -> None:
    """Its tables have no column by which runs are told apart; nor does it know the one they get."""
    url = f"mysql+aiomysql://{mysql_server.url.partition('://')[2]}/mysql"
    theirs = Agnos(db_url=url, db_schema=schema)
    await theirs._create_all_tables()

    async def written(content: str, *numbers: int) -> None:
        for number in numbers:
            run = RunOutput(run_id=f"r{number}", session_id="s", agent_id="a", user_id="alice", content=content)
            await theirs.upsert_run(run=run, session_id="s", user_id="alice", run_index=number)

    await theirs.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="alice"))
    await written("tea", *range(10))
    async with AsyncMySQLDb(db_url=url, db_schema=schema) as ours:

        async def contents() -> list[str]:
            return [run.content for run in (await ours.get_session("s")).runs]

        assert await contents() == ["tea"] * 10
        assert await contents() == ["tea"] * 10
        await written("milk", 0, 9)
        assert await contents() == ["milk", *["tea"] * 8, "milk"]
        await written("water", 10)
        assert await contents() == ["milk", *["tea"] * 8, "milk", "water"]
        run = (await ours.get_session("s")).runs[5]
        await ours.upsert_run(run=replace(run, content="coffee"), session_id="s", user_id="alice")
        assert (await contents())[5] == "coffee"
        assert (await theirs.get_session("s", "agent", "alice")).runs[5].content == "coffee"
    await theirs.db_engine.dispose()


async def test_a_database_of_agno_is_adopted_in_place(mysql_server: MySQLAccess, schema: str) -> None:
    url = f"mysql+aiomysql://{mysql_server.url.partition('://')[2]}/mysql"
    theirs = Agnos(db_url=url, db_schema=schema)
    await theirs._create_all_tables()
    await theirs.upsert_session(
        AgentSession(session_id="s", agent_id="a", user_id="alice", session_data={"session_name": "tea"})
    )
    await theirs.upsert_user_memory(UserMemory(memory="likes tea", memory_id="m", user_id="alice"))
    async with AsyncMySQLDb(db_url=url, db_schema=schema) as ours:
        stored = await ours.sessions.get("s")
        assert (stored.user_id, stored.session_data) == ("alice", {"session_name": "tea"})
        stored.session_data = {"session_name": "coffee", "n": 1.5}
        await ours.sessions.upsert(stored)
        await ours.upsert_user_memory(UserMemory(memory="likes coffee", memory_id="n", user_id="alice"))
        assert (await ours.traces.page(Page(limit=1)), await ours.schedules.page(Page(limit=1))) == (([], 0), ([], 0))
        assert (await ours.spans.stats(Page(limit=5)))[1] == 0
        assert await ours.metrics.refresh() is not None
        again = await theirs.get_session("s", "agent", "alice")
        assert again.session_data == {"session_name": "coffee", "n": 1.5}
        assert {memory.memory for memory in await theirs.get_user_memories("alice")} == {"likes tea", "likes coffee"}
        again.session_data = {"session_name": "water"}
        await theirs.upsert_session(again)
        assert (await ours.sessions.get("s")).session_data == {"session_name": "water"}
    async with engine_on(mysql_server) as engine:
        assert await runner.check(engine, Layout(schema)) == []
    await theirs.db_engine.dispose()


def test_without_a_loop_too(mysql_server: MySQLAccess, schema: str) -> None:
    url = f"mysql+pymysql://{mysql_server.url.partition('://')[2]}/mysql"
    theirs = AgnosOwn(db_url=url, db_schema=schema)
    theirs._create_all_tables()
    given = AgentSession(session_id="s", agent_id="a", user_id="alice", session_data={"n": 1}, created_at=1)
    theirs.upsert_session(given)
    theirs.upsert_user_memory(UserMemory(memory="likes tea", memory_id="m", user_id="alice"))
    with MySQLDb(db_url=url, db_schema=schema) as ours:
        stored = ours.get_session("s", "agent", "alice")
        assert stored.session_data == {"n": 1}
        stored.session_data = {"n": 2}
        ours.upsert_session(stored)
        ours.upsert_user_memory(UserMemory(memory="likes coffee", memory_id="n", user_id="alice"))
        assert ours.get_traces() == ([], 0)
        again = theirs.get_session("s", "agent", "alice")
        assert again.session_data == {"n": 2}
        assert {memory.memory for memory in theirs.get_user_memories("alice")} == {"likes tea", "likes coffee"}
        again.session_data = {"n": 3}
        theirs.upsert_session(again)
        assert ours.get_session("s", "agent", "alice").session_data == {"n": 3}
    checked = CliRunner().invoke(app, ["check", "--url", mysql_server.url, "--schema", schema])
    assert checked.exit_code == 0, checked.output
    theirs.db_engine.dispose()
