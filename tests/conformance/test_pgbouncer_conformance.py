"""The conformance suite through PgBouncer in transaction mode, with 4 server connections, on each driver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from one_database import databases, one_database

from agnodb import AsyncPostgresDb
from agnodb.testing.conformance import ConceptConformance
from agnodb.testing.pgbouncer import PgBouncer
from agnodb.testing.servers import PostgresAccess


@pytest.fixture(scope="module")
def direct_url(postgres_server: PostgresAccess) -> Iterator[str]:
    with one_database(postgres_server) as url:
        yield url


class _ThroughPgBouncer(ConceptConformance):  # type: ignore[misc,valid-type]
    scheme: str

    @pytest_asyncio.fixture
    async def make_db(self, pgbouncer: PgBouncer, direct_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        url = pgbouncer.url(direct_url).replace("postgresql://", self.scheme)

        def make() -> AsyncPostgresDb:
            return AsyncPostgresDb(db_url=url, pooler="transaction", migrations_url=direct_url)

        async with databases(make, direct_url) as give:
            yield give


class TestAsyncpgThroughPgBouncer(_ThroughPgBouncer):
    scheme = "postgresql+asyncpg://"


class TestPsycopgThroughPgBouncer(_ThroughPgBouncer):
    scheme = "postgresql+psycopg://"
