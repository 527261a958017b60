"""The conformance suite with every statement run by SQLAlchemy: what runs on the driver must do the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from mysql_database import mysql_databases, one_mysql_database
from one_database import databases, one_database

from agnodb import AsyncMySQLDb, AsyncPostgresDb, AsyncSqliteDb
from agnodb.executors.on_driver import OnDriver
from agnodb.testing.conformance import ConceptConformance
from agnodb.testing.mariadb import MySQLAccess
from agnodb.testing.servers import PostgresAccess

Give = AsyncIterator[Callable[[], Awaitable[Any]]]


@pytest.fixture(autouse=True)
def reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnDriver, "compiled", lambda *_: None)


@pytest.fixture(scope="module")
def module_url(postgres_server: PostgresAccess) -> Iterator[str]:
    with one_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def module_database(mysql_server: MySQLAccess) -> Iterator[str]:
    with one_mysql_database(mysql_server) as name:
        yield name


class TestReference(ConceptConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, module_url: str) -> Give:
        async with databases(lambda: AsyncPostgresDb(db_url=module_url), module_url) as give:
            yield give


class TestMySQLReference(ConceptConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, mysql_server: MySQLAccess, module_database: str) -> Give:
        def make() -> AsyncMySQLDb:
            return AsyncMySQLDb(db_url=f"{mysql_server.url}/{module_database}", db_schema=module_database)

        async with mysql_databases(make, mysql_server, module_database) as give:
            yield give


class TestSqliteReference(ConceptConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, sqlite_url: str) -> Give:
        made: list[AsyncSqliteDb] = []

        async def make() -> AsyncSqliteDb:
            made.append(AsyncSqliteDb(db_url=sqlite_url))
            return made[-1]

        yield make
        for database in made:
            await database.close()
