"""The conformance suite on SQLite: in a file, and in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio

from agnodb import AsyncSqliteDb
from agnodb.testing.conformance import DatabaseConformance


class TestSqlite(DatabaseConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, sqlite_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        made: list[AsyncSqliteDb] = []

        async def make() -> AsyncSqliteDb:
            made.append(AsyncSqliteDb(db_url=sqlite_url))
            return made[-1]

        yield make
        for database in made:
            await database.close()
