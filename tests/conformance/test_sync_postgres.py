"""The conformance suite on PostgreSQL without an event loop: the same tests, each call in a thread.

Each test has a schema of its own in one database: the async suite makes a database for each, which takes longer.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from agnodb import PostgresDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import DatabaseConformance
from agnodb.testing.servers import PostgresAccess


@pytest.fixture(scope="module")
def shared_url(postgres_server: PostgresAccess) -> Iterator[str]:
    """One database for all tests."""
    name = f"agnodb_test_{uuid.uuid4().hex[:12]}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


class TestSyncPostgres(DatabaseConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, shared_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        made: list[AsyncFacade] = []
        schema = f"t{uuid.uuid4().hex[:12]}"

        async def make() -> AsyncFacade:
            made.append(AsyncFacade(PostgresDb(db_url=shared_url, db_schema=schema)))
            return made[-1]

        yield make
        for database in made:
            await database.close()
