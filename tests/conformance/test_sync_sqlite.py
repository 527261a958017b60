"""The conformance suite on SQLite without an event loop: the same tests, each call in a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio

from agnodb import SqliteDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import DatabaseConformance


class TestSyncSqlite(DatabaseConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, sqlite_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        made: list[AsyncFacade] = []

        async def make() -> AsyncFacade:
            made.append(AsyncFacade(SqliteDb(db_url=sqlite_url)))
            return made[-1]

        yield make
        for database in made:
            await database.close()
