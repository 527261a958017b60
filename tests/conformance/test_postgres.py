"""The conformance suite on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from one_database import databases, one_database

from agnodb import AsyncPostgresDb
from agnodb.testing.conformance import DatabaseConformance
from agnodb.testing.servers import PostgresAccess


@pytest.fixture(scope="module")
def module_url(postgres_server: PostgresAccess) -> Iterator[str]:
    with one_database(postgres_server) as url:
        yield url


class TestPostgres(DatabaseConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, module_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        async with databases(lambda: AsyncPostgresDb(db_url=module_url), module_url) as give:
            yield give
