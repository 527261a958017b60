"""The index for searches follows whoever writes, and serves them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agnodb import PostgresDb, SqliteDb
from agnodb.migrations.searching import LONGEST

MIDDLE = "zebra"
COLUMNS = "learning_id, learning_type, namespace, content, created_at"


def _found(db: Any, query: str) -> list[str]:
    return sorted(learning["learning_id"] for learning in db.search_learnings(query))


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[PostgresDb]:
    with PostgresDb(db_url=postgres_url) as db:
        db.create_tables()
        yield db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agno.db"


@pytest.fixture
def sqlite(file: Path) -> Iterator[SqliteDb]:
    with SqliteDb(db_file=str(file)) as db:
        db.create_tables()
        yield db


def test_what_others_write_on_postgresql_is_found(postgres: PostgresDb, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as other:
        insert = f"INSERT INTO ai.agno_learnings ({COLUMNS}) VALUES (%s, 't', 'global', %s::jsonb, 5)"
        for learning_id, text in (("a", "one zebra"), ("b", "one horse")):
            other.execute(insert, (learning_id, json.dumps({"text": text})))
        assert _found(postgres, "ZEBR") == ["a"]
        other.execute("""UPDATE ai.agno_learnings SET content = '"two zebras"' WHERE learning_id = 'b'""")
        other.execute("DELETE FROM ai.agno_learnings WHERE learning_id = 'a'")
        assert _found(postgres, "zebra") == ["b"]


def test_a_long_text_on_postgresql_is_found(postgres: PostgresDb) -> None:
    for learning_id, size in (("long", LONGEST), ("short", LONGEST // 2)):
        postgres.upsert_learning(learning_id, "t", {"text": "é " * (size // 2) + MIDDLE + " .%" * 9})
    assert _found(postgres, "zebra") == ["long", "short"]


def test_who_may_write_needs_no_further_right(postgres: PostgresDb, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("CREATE ROLE searching_writer")
        try:
            other.execute("GRANT USAGE ON SCHEMA ai TO searching_writer")
            other.execute("GRANT SELECT, INSERT ON ai.agno_learnings TO searching_writer")
            other.execute("SET ROLE searching_writer")
            other.execute(f"""INSERT INTO ai.agno_learnings ({COLUMNS}) VALUES ('a', 't', 'global', '"zebra"', 5)""")
            other.execute("RESET ROLE")
        finally:
            other.execute("DROP OWNED BY searching_writer; DROP ROLE searching_writer")
    assert _found(postgres, "zebra") == ["a"]


def test_what_others_write_on_sqlite_is_found(sqlite: SqliteDb, file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        replace = f"INSERT OR REPLACE INTO agno_learnings ({COLUMNS}) VALUES (?, 't', 'global', ?, 5)"
        for learning_id, text in (("a", "one zebra"), ("b", "one horse"), ("c", "a zebra")):
            other.execute(replace, (learning_id, json.dumps({"text": text})))
        other.execute(replace, ("a", json.dumps({"text": "no more"})))  # its trigger for a delete does not run
        other.execute("DELETE FROM agno_learnings WHERE learning_id = 'c'")
        other.execute("VACUUM")  # gives other numbers to rows
        assert _found(sqlite, "zebra") == []
        other.execute("""UPDATE agno_learnings SET content = '"two zebras"' WHERE learning_id = 'b'""")
    assert _found(sqlite, "EBRA") == ["b"]


def test_memories_that_agno_wrote_before_are_found(file: Path) -> None:
    agno = pytest.importorskip("agno.db.sqlite")
    from agno.db.schemas import UserMemory

    theirs = agno.SqliteDb(db_file=str(file))
    theirs.upsert_user_memory(UserMemory(memory="likes zebras", memory_id="m", user_id="alice"))
    with SqliteDb(db_file=str(file)) as ours:
        ours.create_tables()
        theirs.upsert_user_memory(UserMemory(memory="Zebra crossing", memory_id="n", user_id="alice"))
        memories, total = ours.get_user_memories(search_content="zebra", deserialize=False)
    assert ({memory["memory_id"] for memory in memories}, total) == ({"m", "n"}, 2)
