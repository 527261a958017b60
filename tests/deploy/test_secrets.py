"""No password is shown: not in a repr, a log, an error or a dictionary."""

from __future__ import annotations

import logging
import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnodb import AsyncPostgresDb, ConfigurationError, PostgresDb, UnavailableError

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
