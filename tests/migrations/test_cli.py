"""The command line, as a person and a pipeline use it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from migration_tools import REPOSITORY, Database, shape
from typer.testing import CliRunner, Result

import agnodb
from agnodb.cli import app
from agnodb.migrations.head import HEAD, REVISIONS


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the checkout, whose alembic.ini would be read."""
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def says(*words: str) -> str:
    """The standard output of a command that succeeds."""
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_command(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGNODB_URL", database.url)
    assert says("current") == "none\n"
    assert run("check").exit_code == 1
    assert says("upgrade", "0001") == "0001\n"
    behind = run("check")
    assert (behind.exit_code, behind.stdout) == (1, f"the database is at 0001; head is {HEAD}\n")
    upgraded = run("upgrade")
    assert upgraded.stdout == f"{HEAD} (head)\n"
    assert "0001 -> 0002" in upgraded.stderr
    assert says("check") == f"{HEAD} (head), nothing differs\n"
    for revision in REVISIONS[-2::-1]:
        assert says("downgrade", "-1") == f"{revision}\n"
    assert says("stamp", "head") == f"{HEAD} (head)\n"
    drifted = run("check")
    assert drifted.exit_code == 1
    assert "add_index idx_agno_sessions_changed on agno_sessions\n" in drifted.stdout
    assert says("downgrade", "base") == "none\n"
    assert set(shape(database)) == {"agnodb_version"}


def test_options_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGNODB_URL", "sqlite:///environment.db")
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nsqlalchemy.url = sqlite:///%(here)s/ini.db\nmemory_table = from_ini\n"
    )
    says("upgrade", "--url", "sqlite:///option.db", "--table", "session_table=chats")
    tables = set(shape(Database("sqlite:///option.db")))
    assert {"chats", "chats_runs", "from_ini"} <= tables
    says("upgrade")
    assert "from_ini" in shape(Database("sqlite:///environment.db"))
    monkeypatch.delenv("AGNODB_URL")
    says("upgrade")
    assert "from_ini" in shape(Database("sqlite:///ini.db"))


def test_schema_and_names(postgres: Database) -> None:
    where = ("--url", postgres.url, "--schema", "My-Schema", "--table", "session_table=chats")
    says("upgrade", *where)
    assert says("check", *where).startswith(HEAD)
    assert {"chats", "chats_runs"} <= set(shape(postgres, "My-Schema"))
    assert says("current", "--url", postgres.url) == "none\n"


def test_sql_is_all_there_is_on_stdout(sqlite: Database) -> None:
    script = says("sql", "--url", sqlite.url)
    with sqlite3.connect(sqlite.url.removeprefix("sqlite:///")) as connection:
        connection.executescript(script)
    assert says("check", "--url", sqlite.url).startswith(HEAD)
    assert "DROP TABLE" in says("sql", f"{HEAD}:base", "--url", sqlite.url)
    postgres = says("sql", "--url", "postgresql://nobody@nowhere/x", "--schema", "My-Schema")
    assert 'CREATE SCHEMA IF NOT EXISTS "My-Schema"' in postgres


POSTGRES = "postgresql://u:geheim@127.0.0.1:1/x"

WRONG = [
    (("upgrade",), "No database URL"),
    (("upgrade", "--url", "nonsense"), "not a database URL"),
    (("check", "--url", "oracle://u:geheim@h/x"), "not supported"),
    (("check", "--url", "postgresql://u:geheim@h:port/x"), "not a database URL"),
    (("check", "--url", POSTGRES), "not available"),
    (("current", "--url", POSTGRES), "not available"),
    (("upgrade", "--url", POSTGRES), "not available"),
    (("check", "--url", "sqlite:////no/such/folder/x.db"), "not available"),
    (("upgrade", "nope", "--url", "sqlite:///x.db"), "nope"),
    (("stamp", "nope", "--url", "sqlite:///x.db"), "nope"),
    (("downgrade", "nope", "--url", "sqlite:///x.db"), "nope"),
    (("sql", "nope", "--url", "sqlite:///x.db"), "nope"),
    (("upgrade", "--url", "sqlite:///x.db", "--schema", "s"), "no schemas"),
    (("upgrade", "--url", "sqlite:///x.db", "--table", "chats"), "--table session_table=chats"),
    (("upgrade", "--url", "sqlite:///x.db", "--table", "sesion_table=chats"), "Known: url"),
    (("upgrade", "--url", "sqlite:///x.db", "--table", "session_table=agno_spans"), "same name"),
]


@pytest.mark.parametrize(("words", "reason"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_an_error_is_one_clear_line(words: tuple[str, ...], reason: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("Error: ")
    assert reason in lines[-1]
    assert [line for line in lines if line.startswith("Error")] == lines[-1:]
    assert "geheim" not in result.output


def test_a_wrong_password(postgres_server: object, postgres: Database) -> None:
    # The test server trusts everyone; an unknown role and database are refused all the same.
    url = postgres.url.replace("postgres@", "stranger:geheim@", 1)
    result = run("upgrade", "--url", url)
    assert (result.exit_code, "geheim" in result.output) == (2, False)
    assert "refused" in result.stderr
    missing = run("upgrade", "--url", postgres.url.rpartition("/")[0] + "/missing")
    assert missing.exit_code == 2
    assert "no such database" in missing.stderr


def test_a_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "asyncpg" else find(name))
    result = run("upgrade", "--url", POSTGRES)
    assert result.exit_code == 2
    assert "pip install 'agnodb[postgres]'" in result.stderr


def test_no_right_to_create(postgres: Database) -> None:
    postgres.execute("DROP ROLE IF EXISTS agnodb_guest", "CREATE ROLE agnodb_guest LOGIN")
    result = run("upgrade", "--url", postgres.url.replace("postgres@", "agnodb_guest@", 1))
    postgres.execute("DROP ROLE agnodb_guest")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: The database user lacks a right")


def test_version_and_help() -> None:
    assert says("--version") == f"agnodb {agnodb.__version__}\n"
    for command in ("upgrade", "downgrade", "current", "check", "stamp", "sql", "doctor", "inspect", "demo"):
        assert command in says("--help")
        assert "Usage" in says(command, "--help")


def test_demo_is_a_process_whose_exit_code_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(subprocess, "call", lambda command: called.append(command) or 3)
    assert run("demo", "--url", "sqlite:///x.db", "--keep").exit_code == 3
    assert called == [[sys.executable, "-m", "agnodb.demo", "--url", "sqlite:///x.db", "--keep"]]


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agnodb.cli", "--version"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"agnodb {agnodb.__version__}\n"
