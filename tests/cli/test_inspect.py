"""`agnodb inspect`: rows, bytes, oldest and newest."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from command_line import run, says, sql


def tables(*words: str) -> dict[str, dict[str, Any]]:
    """By concept."""
    return {t["concept"]: t for t in json.loads(says("inspect", *words, "--json"))["tables"]}


def fill(url: str, rows: int, *, prefix: str = "ai.") -> None:
    series = f"generate_series(1, {rows}) n" if prefix else "s"
    values = f"SELECT 's' || n, 'agent', 1700000000 + n FROM {series}"
    with_series = "" if prefix else f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) "
    statement = f"INSERT INTO {prefix}agno_sessions (session_id, session_type, created_at) {with_series}{values}"
    if prefix:
        sql(url, statement, "ANALYZE ai.agno_sessions")
    else:
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute(statement)


@pytest.mark.parametrize("kind", ["postgres_url", "sqlite_url"])
def test_what_is_there(kind: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(kind)
    says("upgrade", "--url", url)
    fill(url, 3, prefix="ai." if kind == "postgres_url" else "")
    found = tables(url)
    assert len(found) == 13
    sessions = found["sessions"]
    assert (sessions["table"], sessions["rows"], sessions["estimated"]) == ("agno_sessions", 3, False)
    assert (sessions["oldest"], sessions["newest"]) == ("2023-11-14T22:13:21Z", "2023-11-14T22:13:23Z")
    assert sessions["bytes"] > 4096
    assert (found["runs"]["rows"], found["runs"]["oldest"]) == (0, None)
    assert found["schema_versions"]["oldest"].startswith("20")
    plain = says("inspect", url).splitlines()
    assert len(plain) == 15
    assert plain[1].split()[:2] == ["agno_sessions", "3"]


def test_a_big_table_is_not_counted_unless_asked_for(postgres_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    fill(postgres_url, 120_000)
    sql(postgres_url, "INSERT INTO ai.agno_sessions (session_id, session_type, created_at) VALUES ('z', 'agent', 7)")
    sessions = tables(postgres_url)["sessions"]
    assert (sessions["estimated"], sessions["rows"]) == (True, 120_000)
    assert sessions["oldest"] == "1970-01-01T00:00:07Z"
    assert tables(postgres_url, "--exact")["sessions"]["rows"] == 120_001
    assert "~120,000" in says("inspect", postgres_url)


def test_a_big_table_that_takes_too_long(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from agnodb.diagnosis import contents

    says("upgrade", "--url", postgres_url)
    fill(postgres_url, 120_000)
    sql(postgres_url, "DROP INDEX ai.idx_agno_sessions_created_at")
    monkeypatch.setattr(contents, "PATIENCE_MS", 1)
    found = tables(postgres_url)
    assert (found["sessions"]["rows"], found["sessions"]["oldest"]) == (120_000, None)
    assert found["runs"]["rows"] == 0  # whoever comes after it is looked at


def test_nothing_is_there(postgres_url: str, tmp_path: Any) -> None:
    for url in (postgres_url, f"sqlite:///{tmp_path / 'no.db'}"):
        assert not any(table["exists"] for table in tables(url).values())
        assert "not there" in says("inspect", url)
    assert not (tmp_path / "no.db").exists()


def test_other_names(sqlite_url: str) -> None:
    says("upgrade", "--url", sqlite_url, "--table", "session_table=chats")
    found = tables(sqlite_url, "--table", "session_table=chats")
    assert (found["sessions"]["table"], found["sessions"]["exists"]) == ("chats", True)


def test_no_right_to_read(postgres_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    sql(postgres_url, "DROP ROLE IF EXISTS agnodb_blind", "CREATE ROLE agnodb_blind LOGIN")
    result = run("inspect", postgres_url.replace("postgres@", "agnodb_blind:geheim@", 1))
    sql(postgres_url, "DROP ROLE agnodb_blind")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: The database user lacks a right")
    assert "geheim" not in result.stderr
