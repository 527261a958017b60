"""The conformance suite on PostgreSQL without an event loop: the same tests, each call in a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio

from agnodb import PostgresDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import DatabaseConformance


class TestSyncPostgres(DatabaseConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, postgres_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        made: list[AsyncFacade] = []

        async def make() -> AsyncFacade:
            made.append(AsyncFacade(PostgresDb(db_url=postgres_url)))
            return made[-1]

        yield make
        for database in made:
            await database.close()
