"""The conformance suite on PostgreSQL with psycopg 3 as the driver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from one_database import databases, one_database

from agnodb import AsyncPostgresDb
from agnodb.testing.conformance import ConceptConformance
from agnodb.testing.servers import PostgresAccess


@pytest.fixture(scope="module")
def module_url(postgres_server: PostgresAccess) -> Iterator[str]:
    with one_database(postgres_server) as url:
        yield url


class TestPsycopg(ConceptConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, module_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        url = module_url.replace("postgresql://", "postgresql+psycopg_async://")
        async with databases(lambda: AsyncPostgresDb(db_url=url), module_url) as give:
            yield give
