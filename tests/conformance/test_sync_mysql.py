"""The conformance suite on MariaDB without an event loop, over PyMySQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from mysql_database import mysql_databases, one_mysql_database

from agnodb import MySQLDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import DatabaseConformance
from agnodb.testing.mariadb import MySQLAccess


@pytest.fixture(scope="module")
def module_database(mysql_server: MySQLAccess) -> Iterator[str]:
    with one_mysql_database(mysql_server) as name:
        yield name


class TestSyncMySQL(DatabaseConformance):  # type: ignore[misc,valid-type]
    faults_each = 1  # a second driver of one database

    @pytest_asyncio.fixture
    async def make_db(
        self, mysql_server: MySQLAccess, module_database: str
    ) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        def make() -> AsyncFacade:
            return AsyncFacade(MySQLDb(db_url=f"{mysql_server.url}/{module_database}", db_schema=module_database))

        async with mysql_databases(make, mysql_server, module_database) as give:
            yield give
