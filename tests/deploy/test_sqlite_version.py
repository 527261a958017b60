"""A SQLite that is too old is told at the first call, in a sentence that says what is needed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agnodb import AsyncSqliteDb, ConfigurationError, SqliteDb


async def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.34.1")
    with (
        SqliteDb(db_file=str(tmp_path / "a.db")) as db,
        pytest.raises(ConfigurationError, match=r"3\.35 or later.*3\.34\.1"),
    ):
        db.get_session("s")
    async with AsyncSqliteDb(db_file=str(tmp_path / "b.db")) as other:
        with pytest.raises(ConfigurationError, match=r"3\.35 or later.*3\.34\.1"):
            await other.get_session("s")
