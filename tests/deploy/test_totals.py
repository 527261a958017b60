"""The total of a long list is not counted with every page, and says so in no other way than by being a little old."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from agnodb import AsyncPostgresDb, AsyncSqliteDb
from agnodb.filters import Page
from agnodb.records.sessions import SessionRecord
from agnodb.rules import totals


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    name: str = request.getfixturevalue("postgres_url" if request.param == "postgresql" else "sqlite_url")
    return name


async def test_a_kept_total(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "KEPT_FROM", 3)
    async with (AsyncPostgresDb if url.startswith("postgresql") else AsyncSqliteDb)(db_url=url) as db:
        for number in range(4):
            await _session(db, number)
        asked: list[str] = []
        event.listen(
            getattr(db.engine, "sync_engine", db.engine), "before_cursor_execute", lambda *a: asked.append(a[2])
        )
        assert await _listed(db) == (["s3", "s2"], 4)
        await _session(db, 4)
        asked.clear()
        assert await _listed(db) == (["s4", "s3"], 4)  # the rows are those of now
        assert len(asked) == 1
        assert "count(" not in asked[0]
        assert await _listed(db, page=3) == (["s0"], 5)  # as many as were seen at least
        assert (await db.sessions.page(Page(2), user_id="u1"))[1] == 1
        async with db.transaction() as tx:
            assert await _listed(tx) == (["s4", "s3"], 5)
        assert await _listed(db, page=9) == ([], 5)


async def _session(db: Any, number: int) -> None:
    session = SessionRecord(session_id=f"s{number}", session_type="agent", user_id=f"u{number}", created_at=number)
    await db.sessions.upsert(session)


async def _listed(db: Any, page: int = 1) -> tuple[list[str], int]:
    sessions, total = await db.sessions.page(Page(2, page, "created_at", "desc"))
    return [session.session_id for session in sessions], total
