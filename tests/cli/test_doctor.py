"""`agnodb doctor`: what it finds, and that doing what it says is enough."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from command_line import Examination, follow, run, says, sql

from agnodb.migrations.head import HEAD

ROLE = "agnodb_doctor_app"


def with_user(url: str, user: str) -> str:
    return url.replace("postgres@", f"{user}@", 1)


@pytest.fixture
def app_url(postgres_url: str) -> Iterator[str]:
    """The URL of a role that may connect, and nothing else."""
    sql(postgres_url, f"DROP ROLE IF EXISTS {ROLE}", f"CREATE ROLE {ROLE} LOGIN")
    yield with_user(postgres_url, ROLE)
    sql(postgres_url, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


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


# -- rights and limits of PostgreSQL ---------------------------------------------------------------------------------


def test_a_role_gets_just_the_rights_that_it_lacks(postgres_url: str, app_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    seen = []
    for _ in range(4):
        examined = Examination(app_url)
        if examined.exit_code == 0:
            break
        seen.append(examined["rights"]["message"])
        follow(examined["rights"]["mend"], postgres_url)
    assert len(seen) == 2
    assert "may not use the schema" in seen[0]
    assert "SELECT, INSERT, UPDATE, DELETE on agno_approvals" in seen[1]
    assert "SELECT on agnodb_version" in seen[1]
    assert examined.severities()["migrations"] == "note"
    sql(postgres_url, f"REVOKE DELETE ON ai.agno_runs FROM {ROLE}")
    assert Examination(app_url)["rights"]["mend"] == f"GRANT DELETE ON ai.agno_runs TO {ROLE};"


@pytest.mark.parametrize("schema", ["ai", "My-Schema"])
def test_a_role_that_may_not_create(postgres_url: str, app_url: str, schema: str) -> None:
    words = (app_url, "--schema", schema)
    examined = Examination(*words)
    assert set(examined.needed) == {"schema", "migrations"}
    follow(examined["migrations"]["mend"], postgres_url)
    follow(examined["schema"]["mend"], postgres_url)
    assert Examination(*words).exit_code == 0


def test_an_existing_schema_that_a_role_may_not_create_in(postgres_url: str, app_url: str) -> None:
    sql(postgres_url, "CREATE SCHEMA ai")
    examined = Examination(app_url)
    for check in ("rights", "migrations", "schema"):
        follow(examined[check]["mend"], postgres_url)
    assert Examination(app_url).exit_code == 0


def test_tables_of_another_role_are_behind(postgres_url: str, app_url: str) -> None:
    says("upgrade", "0001", "--url", postgres_url)
    sql(postgres_url, f"GRANT ALL ON SCHEMA ai TO {ROLE}", f"GRANT ALL ON ALL TABLES IN SCHEMA ai TO {ROLE}")
    examined = Examination(app_url)
    assert "as the role that owns the tables" in examined["migrations"]["mend"]
    follow(examined["schema"]["mend"].replace(app_url, postgres_url), postgres_url)
    assert Examination(app_url).exit_code == 0


def test_few_connections_are_left(postgres_url: str, app_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    sql(postgres_url, f"GRANT USAGE ON SCHEMA ai TO {ROLE}", f"GRANT ALL ON ALL TABLES IN SCHEMA ai TO {ROLE}")
    sql(postgres_url, f"ALTER ROLE {ROLE} CONNECTION LIMIT 5")
    examined = Examination(app_url)
    assert (examined.exit_code, examined["connections"]["severity"]) == (1, "warning")
    assert "of 5 connections in use" in examined["connections"]["message"]
    sql(postgres_url, f"ALTER ROLE {ROLE} CONNECTION LIMIT 40")
    assert Examination(app_url)["connections"]["severity"] == "ok"


def test_transactions_that_are_read_only(postgres_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    name = postgres_url.rpartition("/")[2]
    sql(postgres_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    examined = Examination(postgres_url)
    assert list(examined.needed) == ["server"]
    sql(postgres_url, "SET default_transaction_read_only = off", examined["server"]["mend"])
    assert Examination(postgres_url).exit_code == 0


def test_policies_that_hide_rows(postgres_url: str, app_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    sql(postgres_url, f"GRANT USAGE ON SCHEMA ai TO {ROLE}", f"GRANT ALL ON ALL TABLES IN SCHEMA ai TO {ROLE}")
    sql(postgres_url, "ALTER TABLE ai.agno_memories ENABLE ROW LEVEL SECURITY")
    examined = Examination(app_url)
    assert (examined.exit_code, examined["policies"]["severity"]) == (0, "note")
    assert "agno_memories" in examined["policies"]["message"]


def test_the_vector_extension(postgres_url: str) -> None:
    examined = Examination(postgres_url)
    assert examined["extensions"]["severity"] == "note"
    follow(examined["extensions"]["mend"], postgres_url)
    assert Examination(postgres_url)["extensions"]["message"].startswith("vector ")


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_a_pooler_is_found_by_how_it_behaves(postgres_url: str, pgbouncer_url: str, driver: str) -> None:
    says("upgrade", "--url", postgres_url)
    plain = postgres_url.replace("postgresql://", f"{driver}://", 1)
    assert Examination(plain).document["facts"]["server"]["pooler"] == "none"
    parts = urlsplit(pgbouncer_url)  # without a hint, if the fixture gives one
    through = f"{driver}://{parts.netloc}{parts.path}"
    for _ in range(2):  # the second meets server connections that the first has used
        examined = Examination(through)
        assert list(examined.needed) == ["pooler"]
        assert examined.document["facts"]["server"]["encrypted"] is None
    hinted = Examination(f"{through}?pgbouncer=true")
    assert (hinted.exit_code, hinted["pooler"]["severity"]) == (0, "ok")
    assert len(says("inspect", through).splitlines()) == 15
    sql(postgres_url, "DROP SCHEMA ai CASCADE")
    assert Examination(through)["schema"]["mend"] == "agnodb upgrade --url THE-SERVER-ITSELF"


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


WRONG = [("nonsense",), ("mysql://u:geheim@h/x",), (), ("sqlite:///x.db", "--schema", "s")]


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
