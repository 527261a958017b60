"""What is logged of an outage, and of statements that are run again."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from agnodb import AsyncPostgresDb, SqliteDb
from agnodb.errors import UnavailableError
from agnodb.executors.outages import EVERY, run_again
from agnodb.testing.injection import Injection, Kind, faults

CODES = ("event", "error", "statement", "attempt", "sqlstate", "sqlite_code")


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    """The event and the level of every record."""
    return [(record.event, record.levelno) for record in caplog.records if hasattr(record, "event")]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_an_outage_is_logged_when_it_begins_and_when_it_is_over(
    postgres_url: str, driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However many calls fail meanwhile."""
    async with AsyncPostgresDb(
        db_url=postgres_url.replace("postgresql", f"postgresql+{driver}"), retry_timeout=0
    ) as db:
        await db.get_session("s")
        outage = next(fault for fault in faults(db.engine) if fault.lasting)
        with Injection(db.engine) as injection:
            injection.arm(outage)
            for _ in range(4):
                with pytest.raises(UnavailableError):
                    await db.get_session("s")
        assert events(caplog) == [("outage_began", logging.ERROR)]
        for _ in range(2):
            assert await db.get_session("s") is None
    assert events(caplog) == [("outage_began", logging.ERROR), ("outage_over", logging.WARNING)]
    assert caplog.records[-1].seconds >= 0  # type: ignore[attr-defined]
    assert not [word for word in ("127.0.0.1", "localhost", "postgres@", socket.gethostname()) if word in caplog.text]


def test_a_statement_that_is_run_again_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SqliteDb(db_file=str(tmp_path / "x.db")) as db:
        db.get_session("s")
        busy = next(fault for fault in faults(db.db_engine) if fault.kind is Kind.REFUSED)
        with Injection(db.db_engine) as injection:
            injection.arm(busy)
            assert db.get_session("s") is None
    (record,) = caplog.records
    told = {name: getattr(record, name, None) for name in CODES}
    assert told == {
        "event": "statement_again", "error": "UnavailableError", "statement": "sessions.find", "attempt": 1,
        "sqlstate": None, "sqlite_code": 5,
    }  # fmt: skip
    assert 0 <= record.pause <= 0.05  # type: ignore[attr-defined]


def test_it_is_not_logged_every_time(caplog: pytest.LogCaptureFixture) -> None:
    for attempt in range(1, 3 * EVERY + 1):
        run_again(UnavailableError(), None, attempt, 0.1)
    assert [record.attempt for record in caplog.records] == [1, EVERY + 1, 2 * EVERY + 1]  # type: ignore[attr-defined]
