"""No password is shown: not in a repr, a log, an error or a dictionary."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from agno.agent import Agent
from hypothesis import given
from hypothesis import strategies as st

from agnodb import AsyncPostgresDb, ConfigurationError, PostgresDb, SqliteDb, UnavailableError
from agnodb.demo.model import OfflineModel
from agnodb.errors import DuplicateKeyError

secrets = st.text("abcdefgh@/?#%:ü +&=", min_size=8, max_size=20).map(lambda text: f"s3{text}cret")


@given(secret=secrets)
def test_no_password_is_shown_anywhere(secret: str) -> None:
    escaped = quote(secret, safe="")
    for url in (f"postgresql://u:{escaped}@h/db", f"postgresql://h/db?user=u&password={escaped}"):
        for made in (AsyncPostgresDb(db_url=url, migrations_url=url), PostgresDb(db_url=url, migrations_url=url)):
            shown = f"{made!r} {made} {made.to_dict()} {made.db_engine!r} {made.db_engine.url}"
            assert not [form for form in (secret, escaped) if form in shown]


def test_the_password_of_a_key_file_is_hidden_too() -> None:
    database = PostgresDb(db_url="postgresql://h/db?sslkey=/k&sslpassword=s3cret")
    assert "s3cret" not in f"{database!r} {database.to_dict()}"


def test_a_failing_connection_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    database = PostgresDb(db_url="postgresql://u:s3cr3t-p4ss@127.0.0.1:1/db?connect_timeout=2", retry_timeout=0)
    with pytest.raises(UnavailableError) as caught:
        database.get_session("s", "agent")
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.detail) + caplog.text
    assert "s3cr3t" not in shown
    assert not any(word in str(caught.value) for word in ("127.0.0.1", "u:", "SELECT"))


def test_a_stored_database_gets_its_passwords_back(monkeypatch: pytest.MonkeyPatch) -> None:
    url, direct = "postgresql://u:p@ss@pooler:6432/db", "postgresql://u:p@ss@server/db"
    stored = AsyncPostgresDb(db_url=url, migrations_url=direct, pooler="transaction", pool_size=3).to_dict()
    assert "p@ss" not in str(stored)
    with pytest.raises(ConfigurationError, match="AGNODB_URL"):
        AsyncPostgresDb.from_dict(stored)
    monkeypatch.setenv("AGNODB_URL", url)
    with pytest.raises(ConfigurationError, match="AGNODB_MIGRATIONS_URL"):
        AsyncPostgresDb.from_dict(stored)
    monkeypatch.setenv("AGNODB_MIGRATIONS_URL", direct)
    for kind in (AsyncPostgresDb, PostgresDb):
        rebuilt = kind.from_dict({**stored, "type": "x"})
        assert rebuilt.to_dict()["pool_size"] == 3
        assert str(rebuilt.db_engine.url.password) == "p@ss"
    monkeypatch.setenv("AGNODB_URL", "postgresql://u:p@elsewhere/db")
    with pytest.raises(ConfigurationError, match="AGNODB_URL"):
        AsyncPostgresDb.from_dict(stored)


VALUE, USER, PASSWORD = "s3cr3t-v4lue", "s3cr3t-us3r", "s3cr3t-p4ss"
APPROVAL = {"id": VALUE, "run_id": VALUE, "session_id": VALUE, "source_type": "agent"}


def shown(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """What a program prints that does not handle the error, and what was logged."""
    return "".join(traceback.format_exception(error)) + caplog.text


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async"])
async def test_a_failing_write_tells_no_value(postgres_url: str, driver: str, caplog: pytest.LogCaptureFixture) -> None:
    """PostgreSQL names the key and its value, which is for the operator alone."""
    caplog.set_level(logging.INFO)
    async with AsyncPostgresDb(db_url=postgres_url.replace("postgresql", f"postgresql+{driver}")) as db:
        await db.create_approval(APPROVAL)
        with pytest.raises(DuplicateKeyError) as caught:
            await db.create_approval(APPROVAL)
        with pytest.raises(DuplicateKeyError) as inside:
            await db.approvals.create(await db.approvals.get(VALUE))
    assert "write_failed" in {getattr(record, "event", "") for record in caplog.records}
    assert not [word for word in (VALUE, "INSERT") if word in shown(caught.value, caplog)]
    for error in (caught.value, inside.value):
        assert "duplicate key" in str(error.detail)
        assert "parameters hidden" in str(error.detail)


def test_nor_does_one_without_an_event_loop(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
    try:
        for made in (PostgresDb(db_url=postgres_url), SqliteDb(db_file=str(tmp_path / "x.db"))):
            with made as db:
                db.create_approval(APPROVAL)
                with pytest.raises(DuplicateKeyError) as caught:
                    db.create_approval(APPROVAL)
            assert "INSERT" in caplog.text, "SQLAlchemy logs the statement"
            assert VALUE not in shown(caught.value, caplog)
            assert "INSERT" not in "".join(traceback.format_exception(caught.value))
    finally:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)


@dataclass
class Dropping(OfflineModel):
    """While it thinks, somebody renames the table of the sessions."""

    db: Any = None

    async def ainvoke(self, *args: Any, **options: Any) -> Any:
        async with self.db.db_engine.begin() as connection:
            table = self.db.metadata.tables[f"{self.db.settings.layout.schema}.agno_sessions"]
            await connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO hidden")
        return await super().ainvoke(*args, **options)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async"])
async def test_agno_prints_no_secret_when_a_save_fails(
    postgres_url: str, driver: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It prints the error with its causes: a driver's own would tell the statement, or the host and the user."""
    caplog.set_level(logging.INFO)
    async with AsyncPostgresDb(db_url=postgres_url.replace("postgresql", f"postgresql+{driver}")) as db:
        agent = Agent(id="a", model=Dropping(db=db), db=db, telemetry=False)
        await agent.arun("hello", session_id=VALUE, user_id=USER, session_state={VALUE: VALUE})
    unreachable = f"postgresql+{driver}://{USER}:{PASSWORD}@127.0.0.1:1/db?connect_timeout=2"
    async with AsyncPostgresDb(db_url=unreachable, retry_timeout=0) as db:
        with pytest.raises(UnavailableError) as caught:
            await db.upsert_learning(VALUE, "t", {"v": VALUE}, user_id=USER)
        traceback.print_exception(caught.value)
    printed = capfd.readouterr()
    told = printed.out + printed.err + caplog.text
    assert "SchemaOutdatedError" in printed.err
    assert "UnavailableError" in printed.err
    failed = [record for record in caplog.records if getattr(record, "event", "") == "write_failed"]
    assert {"upsert_session", "upsert_run", "upsert_learning"} <= {record.method for record in failed}  # type: ignore[attr-defined]
    assert not [word for word in (VALUE, USER, PASSWORD, "127.0.0.1", "INSERT INTO") if word in told]
