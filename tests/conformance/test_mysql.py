"""The conformance suite on MariaDB, over aiomysql."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from mysql_database import mysql_databases, one_mysql_database

from agnodb import AsyncMySQLDb
from agnodb.testing.conformance import DatabaseConformance
from agnodb.testing.mariadb import MySQLAccess


@pytest.fixture(scope="module")
def module_database(mysql_server: MySQLAccess) -> Iterator[str]:
    with one_mysql_database(mysql_server) as name:
        yield name


class TestMySQL(DatabaseConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(
        self, mysql_server: MySQLAccess, module_database: str
    ) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        def make() -> AsyncMySQLDb:
            return AsyncMySQLDb(db_url=f"{mysql_server.url}/{module_database}", db_schema=module_database)

        async with mysql_databases(make, mysql_server, module_database) as give:
            yield give
