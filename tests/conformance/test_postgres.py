"""The conformance suite on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio

from agnodb import AsyncPostgresDb
from agnodb.testing.conformance import DatabaseConformance


class TestPostgres(DatabaseConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, postgres_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        made: list[AsyncPostgresDb] = []

        async def make() -> AsyncPostgresDb:
            made.append(AsyncPostgresDb(db_url=postgres_url))
            return made[-1]

        yield make
        for database in made:
            await database.close()
