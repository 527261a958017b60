"""The conformance suite with every statement run by SQLAlchemy: what runs on the driver must do the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from one_database import databases, one_database

from agnodb import AsyncPostgresDb
from agnodb.executors.on_driver import OnDriver
from agnodb.testing.conformance import ConceptConformance
from agnodb.testing.servers import PostgresAccess


@pytest.fixture(scope="module")
def module_url(postgres_server: PostgresAccess) -> Iterator[str]:
    with one_database(postgres_server) as url:
        yield url


class TestReference(ConceptConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(
        self, module_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        monkeypatch.setattr(OnDriver, "compiled", lambda *_: None)
        async with databases(lambda: AsyncPostgresDb(db_url=module_url), module_url) as give:
            yield give
