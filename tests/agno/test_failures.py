"""What goes wrong is said clearly, says nothing it should not, and loses nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from agents import helper
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.session import AgentSession
from places import Place

from agnodb import AsyncPostgresDb, AsyncSqliteDb
from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    InvalidValueError,
    MissingDriverError,
    SchemaOutdatedError,
    StorageError,
    UnavailableError,
)
from agnodb.testing.servers import PostgresAccess, PostgresServer

ALICE = {"session_id": "s", "user_id": "alice"}
CHAT = ("agno_sessions", "agno_runs")
TELLING = ("127.0.0.1", "localhost", "postgres", "SELECT", "INSERT", "agno_sessions", "agnodb_test", "secret", "/tmp")


def tells_nothing(error: BaseException | str) -> None:
    """It may be shown to an end user: no host, user, SQL, table or path."""
    text = str(error)
    assert text
    assert [word for word in TELLING if word.lower() in text.lower()] == []


async def talked(db: Any) -> None:
    agent = helper(db, session_state={"cart": ["tea"]})
    await agent.arun("my name is alice", **ALICE)
    await agent.arun("I like tea", **ALICE)


async def goes_on(db: Any) -> None:
    answer = await helper(db).arun("what did I say?", **ALICE)
    assert "my name is alice / I like tea" in str(answer.content)
    assert (await db.get_session("s")).session_data["session_state"]["cart"] == ["tea"]


async def test_a_read_that_fails_inside_a_run_leaves_the_session_alone(place: Place) -> None:
    """The table is gone for a while: as good as any failure, on every database."""
    async with place.ours() as db:
        await talked(db)
        before = place.bytes_of(*CHAT)
        place.execute("ALTER TABLE agno_sessions RENAME TO hidden")
        answer = await helper(db, session_state={}).arun("hello", **ALICE)
        assert answer.status is RunStatus.error
        tells_nothing(answer.content)
        streamed = [e async for e in helper(db).arun("hello", **ALICE, stream=True)]
        assert streamed[-1].event == "RunError"
        with pytest.raises(StorageError) as failed:
            await db.get_session("s")
        tells_nothing(failed.value)
        place.execute("ALTER TABLE hidden RENAME TO agno_sessions")
        assert place.bytes_of(*CHAT) == before
        await goes_on(db)


async def test_a_server_that_is_down_loses_nothing() -> None:
    with PostgresServer.start(durable=True) as server:
        place = Place("postgresql", server.url)
        async with place.ours() as db:
            await talked(db)
            before = place.bytes_of(*CHAT)
            server.kill()
            for _ in range(3):
                answer = await helper(db, session_state={}).arun("hello", **ALICE)
                assert answer.status is RunStatus.error
                tells_nothing(answer.content)
            with pytest.raises(UnavailableError) as failed:
                await db.get_session("s")
            tells_nothing(failed.value)
            assert failed.value.status_code == 503
            async with place.ours() as fresh:
                with pytest.raises(UnavailableError) as failed:
                    await fresh.get_session("s")
                tells_nothing(failed.value)
            server.restart()
            assert place.bytes_of(*CHAT) == before
            await _recovered(db)
            await goes_on(db)


async def test_a_connection_that_is_cut_is_replaced(postgres_url: str) -> None:
    place = Place("postgresql", postgres_url)
    async with place.ours() as db:
        await talked(db)
        before = place.bytes_of(*CHAT)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        place.execute(f"{cut} AND pid <> pg_backend_pid()")
        answer = await helper(db).arun("what did I say?", **ALICE)
        if answer.status is RunStatus.error:
            tells_nothing(answer.content)
            assert place.bytes_of(*CHAT) == before
        else:
            assert answer.content == "You said: my name is alice / I like tea"
        await _recovered(db)
        await goes_on(db)


async def _recovered(db: Any) -> None:
    """At most one failed call for each connection of the pool."""
    for _ in range(6):
        try:
            await db.get_session("s")
        except UnavailableError as error:
            tells_nothing(error)
        else:
            return
    raise AssertionError("no connection was replaced")


async def refusal(db: Any) -> AgnoDbError:
    async with db:
        with pytest.raises(AgnoDbError) as failed:
            await db.get_session("s")
        tells_nothing(failed.value)
        with pytest.raises(type(failed.value)):
            await db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u"))
        return failed.value


def _ask_for_passwords(place: Place) -> None:
    rules = Path(place.query("SHOW hba_file")[0]["hba_file"])
    rules.write_text(f"host all someone 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
    place.execute("SELECT pg_reload_conf()")


async def test_wrong_password() -> None:
    with PostgresServer.start() as server:
        place = Place("postgresql", server.url)
        place.execute("CREATE ROLE someone LOGIN PASSWORD 'right'")
        _ask_for_passwords(place)
        wrong = server.url.replace("postgres@", "someone:secret@")
        for url in (wrong, server.url.replace("postgres@", "someone@")):
            error = await refusal(AsyncPostgresDb(db_url=url))
            assert isinstance(error, ConfigurationError)
        assert "password" in str(error)
        error = await refusal(AsyncPostgresDb(db_url=wrong.replace("someone", "nobody")))
        assert isinstance(error, ConfigurationError)
        # The right one may log in, but may not make the schema: that is said too.
        error = await refusal(AsyncPostgresDb(db_url=wrong.replace("secret", "right")))
        assert isinstance(error, ConfigurationError)
        assert "agnodb upgrade" in str(error)


@pytest.mark.parametrize("url", ["postgresql://u:secret@127.0.0.1:1/x", "postgresql://u:secret@nowhere.invalid/x"])
async def test_unreachable_host(url: str) -> None:
    error = await refusal(AsyncPostgresDb(db_url=url, retry_timeout=0.5))
    assert isinstance(error, UnavailableError)
    assert error.status_code == 503


async def test_unknown_database(postgres_server: PostgresAccess) -> None:
    error = await refusal(AsyncPostgresDb(db_url=postgres_server.url.rsplit("/", 1)[0] + "/no_such_database"))
    assert isinstance(error, ConfigurationError)
    assert "database" in str(error)


async def test_a_file_that_cannot_be_a_database(tmp_path: Path) -> None:
    assert isinstance(await refusal(AsyncSqliteDb(db_url=f"sqlite:///{tmp_path}")), UnavailableError)
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but a text that is long enough to be taken for one\n" * 99)
    assert isinstance(await refusal(AsyncSqliteDb(db_file=str(text))), ConfigurationError)
    assert text.read_text().startswith("not a database")


async def test_a_database_without_tables_that_may_not_be_made(place: Place) -> None:
    error = await refusal(place.ours(create_schema=False))
    assert isinstance(error, SchemaOutdatedError)
    assert str(error).endswith("agnodb upgrade")


@pytest.mark.parametrize(
    "url",
    [
        "", " ", "postgres", "postgresql", "postgresql:/secret", "secret@host/db", "://", "http://u:secret@h/x",
        "mysql://u:secret@h/x", "postgresql://u:secret@h:port/x", "postgresql+psycopg2://u:secret@h/x", "sqlite:///x.db",
        "redis://secret", "postgresql://u:sec@ret@h:99999999/x",
    ],
)  # fmt: skip
def test_bad_urls(url: str) -> None:
    with pytest.raises(ConfigurationError) as failed:
        AsyncPostgresDb(db_url=url)
    assert "secret" not in str(failed.value)
    assert "postgresql://" in str(failed.value)
    assert "secret" not in repr(failed.value.__cause__)


def test_no_url_at_all() -> None:
    with pytest.raises(ConfigurationError, match="db_url"):
        AsyncPostgresDb()
    for url in ("postgresql://h/x", "x.db", "sqlite"):
        with pytest.raises(ConfigurationError, match="sqlite:///"):
            AsyncSqliteDb(db_url=url)


def test_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "asyncpg" else found(name, *a))
    with pytest.raises(MissingDriverError, match=r"pip install 'agnodb\[postgres\]'"):
        AsyncPostgresDb(db_url="postgresql://u:secret@h/x")


ODD_IDS = ["", " ", "a/b", "' OR 1=1 --", "%", "_", "\\", "é🤖", "a\x00b", "\ud800", "\n", "x" * 500, "None", "0"]


async def test_odd_ids_are_only_ids(place: Place) -> None:
    async with place.ours() as db:
        for odd in ODD_IDS:
            session = AgentSession(session_id=odd, agent_id="a", user_id=f"u{odd}", session_data={"me": odd})
            await db.upsert_session(session)
            await db.upsert_run(RunOutput(run_id=f"r{odd}", agent_id="a", content=odd), odd, f"u{odd}")
        for odd in ODD_IDS:
            session = await db.get_session(odd, user_id=f"u{odd}")
            assert (session.session_id, session.session_data) == (odd, {"me": odd})
            assert [run.content for run in session.runs] == [odd]
            assert (await db.get_run(f"r{odd}")).run_id == f"r{odd}"
            assert [s.session_id for s in await db.get_sessions(user_id=f"u{odd}")] == [odd]
        assert await db.delete_session("%") is True
        assert len(await db.get_sessions()) == len(ODD_IDS) - 1


async def test_huge_ids_are_refused_and_nothing_is_stored(place: Place) -> None:
    huge = "x" * 100_000
    async with place.ours() as db:
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: db.upsert_session(AgentSession(session_id=huge, agent_id="a", user_id="u")),
            lambda: db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id=huge)),
            lambda: db.get_session(huge),
            lambda: db.get_run(huge),
        ]
        for call in calls:
            with pytest.raises(InvalidValueError) as failed:
                await call()
            tells_nothing(failed.value)
            assert failed.value.status_code == 400
        assert await db.get_sessions() == []


LISTS: dict[str, dict[str, Any]] = {
    "get_sessions": {}, "get_runs": {}, "get_user_memories": {}, "get_user_memory_stats": {},
    "get_knowledge_contents": {}, "get_eval_runs": {}, "get_traces": {}, "get_trace_stats": {}, "get_approvals": {},
    "get_schedules": {}, "get_schedule_runs": {"schedule_id": "c"}, "list_learnings": {},
    "get_learnings_user_stats": {},
}  # fmt: skip
WRONG_PAGES = [{"page": 0}, {"page": -1}, {"limit": -1}, {"limit": 2**70, "page": 2**70}, {"page": "x"}, {"limit": 1.5}]


@pytest.mark.parametrize("method", LISTS)
async def test_wrong_pages(db: Any, method: str) -> None:
    for wrong in WRONG_PAGES:
        with pytest.raises(InvalidValueError) as failed:
            await getattr(db, method)(**{"limit": 10, "page": 1, **LISTS[method], **wrong})
        tells_nothing(failed.value)


SORTED = (
    "get_sessions", "get_runs", "get_user_memories", "get_knowledge_contents", "get_eval_runs", "list_learnings",
)  # fmt: skip


@pytest.mark.parametrize("method", SORTED)
async def test_wrong_sorting(db: Any, method: str) -> None:
    for wrong in ({"sort_by": "no_such"}, {"sort_by": "created_at; DROP TABLE x"}, {"sort_by": "agnodb_row_version"}):
        with pytest.raises(InvalidValueError):
            await getattr(db, method)(**wrong)
    with pytest.raises(InvalidValueError):
        await getattr(db, method)(sort_by="created_at", sort_order="sideways")
