"""`agnodb doctor`: what it finds, and that doing what it says is enough."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Examination, run, says, sql, with_user

from agnodb.migrations.head import HEAD


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue("postgres_url" if request.param == "postgresql" else "sqlite_url")
    return found


def test_an_empty_database_and_what_mends_it(url: str) -> None:
    first = Examination(url)
    assert first.exit_code == 1
    assert list(first.needed) == ["schema"]
    first.mend(url)
    second = Examination(url)
    assert (second.exit_code, second["schema"]["message"]) == (0, f"at {HEAD} (head), nothing differs")
    assert second.document["facts"]["schema"]["state"] == "current"
    assert 0 < second.document["facts"]["latency"]["round_trip_ms"] < 1000


def test_nothing_is_made_by_looking(tmp_path: Path, postgres_url: str) -> None:
    file = tmp_path / "not" / "there.db"
    examined = Examination(f"sqlite:///{file}")
    assert (examined.exit_code, examined["file"]["severity"]) == (1, "note")
    assert not file.parent.exists()
    Examination(postgres_url)
    assert sql(postgres_url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'ai'") == [(0,)]


def test_behind(url: str) -> None:
    says("upgrade", "0001", "--url", url)
    examined = Examination(url)
    assert examined.document["facts"]["schema"]["state"] == "behind"
    assert "0001" in examined["schema"]["message"]
    examined.mend(url)
    assert Examination(url).exit_code == 0


def test_newer_is_no_fault(url: str) -> None:
    says("upgrade", "--url", url)
    change(url, "UPDATE {}agnodb_version SET revision = '9999'")
    examined = Examination(url)
    assert (examined.exit_code, examined["schema"]["severity"]) == (0, "note")
    assert "9999" in examined["schema"]["message"]


def change(url: str, statement: str) -> None:
    """Run a statement; `{}` is where the schema goes."""
    if url.startswith("postgresql"):
        sql(url, statement.format("ai."))
        return
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute(statement.format(""))


def test_drifted_by_what_is_missing(url: str) -> None:
    says("upgrade", "--url", url)
    change(url, "INSERT INTO {}agno_sessions (session_id, session_type, created_at) VALUES ('s', 'agent', 5)")
    change(url, "DROP INDEX {}idx_agno_sessions_changed")
    change(url, "DROP TABLE {}agno_learnings")
    change(url, "ALTER TABLE {}agno_sessions DROP COLUMN agnodb_run_counter")
    examined = Examination(url)
    assert examined.document["facts"]["schema"]["state"] == "drifted"
    for missing in ("agno_learnings", "idx_agno_sessions_changed", "agnodb_run_counter"):
        assert missing in examined["schema"]["message"]
    examined.mend(url)
    assert Examination(url).exit_code == 0
    assert json.loads(says("inspect", url, "--json"))["tables"][0]["rows"] == 1


def test_drifted_by_another_type(postgres_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    sql(postgres_url, "ALTER TABLE ai.agno_sessions ALTER created_at TYPE integer")
    examined = Examination(postgres_url)
    assert examined["schema"]["mend"].startswith("Compare with: agnodb sql --url postgresql://")


def test_other_names_are_in_the_command(url: str) -> None:
    names = ("--table", "session_table=my chats")
    examined = Examination(url, *names)
    assert "--table 'session_table=my chats'" in examined["schema"]["mend"]
    examined.mend(url)
    assert Examination(url, *names).exit_code == 0
    assert Examination(url).exit_code == 1


def test_what_it_needs_comes_as_for_every_command(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Examination("--url", url).document["url"] == Examination(url).document["url"]
    monkeypatch.setenv("AGNODB_URL", url)
    examined = Examination()
    assert examined["schema"]["mend"] == "agnodb upgrade"  # the environment is still there for it
    examined.mend(url)
    assert Examination().exit_code == 0
    twice = run("doctor", url, "--url", "sqlite:///other.db")
    assert (twice.exit_code, twice.stderr.count("\n")) == (2, 1)


# -- agno's databases --------------------------------------------------------------------------------------------


async def agno_tables(url: str) -> None:
    if url.startswith("postgresql"):
        from agno.db.postgres import AsyncPostgresDb as Theirs

        theirs: object = Theirs(db_url=url.replace("://", "+asyncpg://", 1))
    else:
        from agno.db.sqlite import AsyncSqliteDb

        theirs = AsyncSqliteDb(db_url=url.replace("://", "+aiosqlite://", 1))
    await theirs._create_all_tables()  # type: ignore[attr-defined]
    await theirs.db_engine.dispose()  # type: ignore[attr-defined]


def test_a_database_that_agno_made(url: str) -> None:
    import asyncio

    asyncio.run(agno_tables(url))
    examined = Examination(url)
    assert examined.document["facts"]["schema"]["state"] == "agno"
    examined.mend(url)
    after = Examination(url)
    assert (after.exit_code, after["schema"]["message"]) == (0, f"at {HEAD} (head), nothing differs; adopted from agno")


def test_a_database_that_an_older_agno_made(url: str) -> None:
    import asyncio

    asyncio.run(agno_tables(url))
    change(url, "ALTER TABLE {}agno_schedules DROP COLUMN disabled_reason")
    examined = Examination(url)
    assert examined.document["facts"]["schema"]["state"] == "older agno"
    assert examined["schema"]["mend"].startswith("agnodb adopt --url ")


# -- SQLite files ------------------------------------------------------------------------------------------------


def test_a_file_that_may_only_be_read(sqlite_url: str) -> None:
    says("upgrade", "--url", sqlite_url)
    path = sqlite_url.removeprefix("sqlite:///")
    examined = Examination(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert list(examined.needed) == ["file"]
    assert "only be read" in examined["file"]["message"]


def test_a_write_lock_that_somebody_keeps(sqlite_url: str) -> None:
    says("upgrade", "--url", sqlite_url)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("PRAGMA journal_mode = WAL")
    holder.execute("BEGIN IMMEDIATE")
    examined = Examination(sqlite_url)
    holder.execute("ROLLBACK")
    holder.close()
    assert (examined.exit_code, examined["file"]["severity"]) == (1, "warning")
    assert Examination(sqlite_url).exit_code == 0


def test_the_journal_mode(sqlite_url: str) -> None:
    says("upgrade", "--url", sqlite_url)
    assert Examination(sqlite_url)["journal"]["severity"] == "note"
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert "journal" not in Examination(sqlite_url).findings


# -- no connection -------------------------------------------------------------------------------------------------

SECRET = "geheim"


def unreachable(_: str) -> str:
    return f"postgresql://u:{SECRET}@127.0.0.1:1/x"


def stranger(url: str) -> str:
    return with_user(url, f"stranger:{SECRET}")


def no_database(url: str) -> str:
    return with_user(url, f"postgres:{SECRET}").rpartition("/")[0] + "/missing"


@pytest.mark.parametrize(
    ("place", "mend"),
    [(unreachable, "Check the host"), (stranger, "Correct the user"), (no_database, "createdb")],
)
def test_no_connection(postgres_url: str, place: Callable[[str], str], mend: str) -> None:
    examined = Examination(place(postgres_url))
    assert (examined.exit_code, list(examined.findings)) == (2, ["connection"])
    assert examined.document["facts"] is None
    assert examined["connection"]["mend"].startswith(mend)
    plain = run("doctor", place(postgres_url))
    assert plain.exit_code == 2
    assert SECRET not in plain.output + examined.text
    assert len(plain.stderr.splitlines()) == 1


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database, but long enough to be looked at" * 100)
    assert Examination("sqlite:///x.db").exit_code == 2


WRONG = [("nonsense",), ("oracle://u:geheim@h/x",), (), ("sqlite:///x.db", "--schema", "s")]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
@pytest.mark.parametrize("command", ["doctor", "inspect"])
def test_a_wrong_option_is_one_clear_line(command: str, words: tuple[str, ...]) -> None:
    result = run(command, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert SECRET not in result.stderr


def test_what_a_person_reads(postgres_url: str) -> None:
    url = with_user(postgres_url, f"postgres:{SECRET}")
    read = run("doctor", url)
    assert read.exit_code == 1
    lines = read.stdout.splitlines()
    assert lines[0] == f"url {url.replace(SECRET, '***')} schema ai"
    assert f"-> agnodb upgrade --url '{url.replace(SECRET, '***')}'" in read.stdout
    assert lines[-1].endswith("findings need action")
    says("upgrade", "--url", url)
    assert says("doctor", url).endswith("Nothing to do\n")
