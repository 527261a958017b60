"""What notes the changes that metrics follow: it costs what changed, and stands in nobody's way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from places import Place
from sqlalchemy import event

from agnodb import AsyncPostgresDb, PostgresDb
from agnodb.config import TableNames
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.sql import metric_changes

PAST = 20_000 * 86400
MANY = 3_000
STEADY = {"postgresql": 5, "sqlite": 7}
"""The statements of a refresh between BEGIN and COMMIT: the lock, notes, look, totals, and what is stored."""


def a_run(run_id: str, tokens: int = 1, **fields: Any) -> RunRecord:
    document = {"metrics": {"total_tokens": tokens}}
    given = {"session_id": "s0", "run_type": "agent", "user_id": "alice", "created_at": PAST, "run_data": document}
    return RunRecord(run_id=run_id, **{**given, **fields})


async def _session(db: Any, session_id: str = "s0", **fields: Any) -> None:
    given = {"session_type": "agent", "user_id": "alice", "created_at": PAST, **fields}
    await db.sessions.upsert(SessionRecord(session_id=session_id, **given))


@contextmanager
def statements(db: Any) -> Iterator[list[str]]:
    """What a database object asks meanwhile."""
    asked: list[str] = []
    engine = getattr(db.engine, "sync_engine", db.engine)

    def ask(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", ask)
    yield asked
    event.remove(engine, "before_cursor_execute", ask)


async def test_a_refresh_costs_what_changed(place: Place, db: Any) -> None:
    """However many sessions and runs the day has: the same statements, and one note."""
    await _session(db)
    numbers = (
        "generate_series(1, {0}) n"
        if place.kind == "postgresql"
        else ("(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {0}) SELECT n FROM s)")
    )
    for many in (1, MANY):
        source = numbers.format(many)
        place.query(
            "INSERT INTO agno_sessions (session_id, session_type, user_id, created_at)"
            f" SELECT 'many {many} ' || n, 'agent', 'alice', {PAST} FROM {source}"
        )
        place.query(
            "INSERT INTO agno_runs (run_id, session_id, run_type, user_id, created_at, run_data) SELECT"
            f" 'many {many} ' || n, 'many {many} ' || n, 'agent', 'alice', {PAST}, '{{}}' FROM {source}"
        )
        await db.calculate_metrics()
        await db.runs.upsert(a_run(f"one more than {many}"))
        with statements(db) as asked:
            (row,) = await db.calculate_metrics()
        assert len([statement for statement in asked if statement != "BEGIN IMMEDIATE"]) == STEADY[place.kind]
    assert row["agent_runs_count"] == row["token_metrics"]["total_tokens"] + MANY + 1 == MANY + 3


async def test_what_is_saved_at_every_turn_leaves_no_note(place: Place, db: Any) -> None:
    await _session(db)
    await db.calculate_metrics()
    for number in range(3):
        await _session(db, session_data={"session_state": {"n": number}})
    assert place.query(f"SELECT * FROM {_changes(db)}") == []
    await db.runs.upsert(a_run("r"))
    assert [row["row_key"] for row in place.query(f"SELECT * FROM {_changes(db)}")] == ["run r"]


async def test_a_big_count_is_resumed_and_shows_no_half_of_a_day(
    place: Place, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_changes, "BATCH", 4)
    monkeypatch.setattr("agnodb.sql.metrics.BATCH", 4)
    await _session(db)
    for number in range(11):
        await db.runs.upsert(a_run(f"r{number}"))
    taken = 0
    take = metric_changes.MetricChanges.take

    async def interrupted(changes: Any) -> list[str]:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise LookupError
        return await take(changes)

    with monkeypatch.context() as context:
        context.setattr(metric_changes.MetricChanges, "take", interrupted)
        with pytest.raises(LookupError):
            await db.metrics.refresh()
    assert place.query("SELECT * FROM agno_metrics") == []
    (row,) = await db.metrics.refresh()
    assert (row.agent_runs_count, row.token_metrics["total_tokens"]) == (11, 11)


async def test_metrics_that_agno_computed_are_ours_after_the_next_change(place: Place, db: Any) -> None:
    await _session(db)
    await db.runs.upsert(a_run("r", tokens=5))
    await db.calculate_metrics()
    place.query("UPDATE agno_metrics SET agent_runs_count = 77")
    await db.runs.upsert(a_run("r", tokens=6))
    (row,) = await db.calculate_metrics()
    assert (row["agent_runs_count"], row["token_metrics"]["total_tokens"]) == (1, 6)


async def test_without_the_triggers_times_of_change_tell(place: Place, db: Any) -> None:
    await _session(db)
    await db.runs.upsert(a_run("r", tokens=5))
    await db.calculate_metrics()
    for concept, names in db._statements.tables.triggers.items():
        on = f" ON agno_{concept}" if place.kind == "postgresql" else ""
        for name in names:
            place.query(f'DROP TRIGGER "{name}"{on}')
    await db.runs.upsert(a_run("r", tokens=6))
    await db.runs.upsert(a_run("r2", tokens=1))
    (row,) = await db.calculate_metrics()
    assert (row["agent_runs_count"], row["token_metrics"]["total_tokens"]) == (2, 7)
    await db.runs.delete("r")
    (row,) = await db.calculate_metrics()
    assert (row["agent_runs_count"], row["token_metrics"]["total_tokens"]) == (1, 1)


@pytest.fixture
def owned(postgres_url: str) -> Iterator[tuple[PostgresDb, Callable[[str], None]]]:
    """A database, and what runs SQL as a role that may write to agno's tables and knows nothing of ours."""
    role = f"agno_only_{time.monotonic_ns()}"
    with PostgresDb(db_url=postgres_url) as db, psycopg.connect(postgres_url, autocommit=True) as connection:
        db.create_tables()
        connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA ai TO {role}".encode())
        connection.execute(f"GRANT ALL ON ai.agno_sessions, ai.agno_runs TO {role}".encode())

        def as_role(sql: str) -> None:
            connection.execute(f"SET ROLE {role}".encode())
            try:
                connection.execute(sql.encode())
            finally:
                connection.execute(b"RESET ROLE")

        yield db, as_role
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


WRITES = (
    "INSERT INTO ai.agno_sessions (session_id, session_type, created_at) VALUES ('s', 'agent', 1)",
    "INSERT INTO ai.agno_runs (run_id, session_id, run_type, run_data, created_at) VALUES ('r', 's', 'agent', '{}', 1)",
    "UPDATE ai.agno_sessions SET user_id = 'u'",
    "UPDATE ai.agno_runs SET user_id = 'u'",
    "DELETE FROM ai.agno_sessions",
    "TRUNCATE ai.agno_sessions CASCADE",
)


def test_whoever_writes_needs_no_rights_on_our_tables(owned: Any) -> None:
    db, as_role = owned
    as_role(WRITES[0])
    as_role(WRITES[1])
    as_role(WRITES[3])
    rows = {row["user_id"]: (row["agent_sessions_count"], row["agent_runs_count"]) for row in db.calculate_metrics()}
    assert rows == {"": (1, 0), "u": (0, 1)}
    for write in WRITES[2:]:
        as_role(write)
    assert db.calculate_metrics() == []


def test_without_our_tables_agno_goes_on_writing(owned: Any) -> None:
    db, as_role = owned
    own = ", ".join(f"ai.{name}" for name in TableNames().own().values())
    with psycopg.connect(db.db_url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE {own}".encode())
    for write in WRITES:
        as_role(write)


def _changes(db: AsyncPostgresDb) -> str:
    name: str = db._statements.tables.metric_changes.name
    return f'"{name}"'
