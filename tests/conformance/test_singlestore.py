"""The conformance suite over SingleStore's dialect: on MariaDB what both understand, and on a real one if there is."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from mysql_database import mysql_databases
from singlestore_subset import database_without_keys, on_mariadb
from singlestore_texts import refused, texts_for_singlestore

from agnodb import AsyncSingleStoreDb, SingleStoreDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import ConceptConformance, DatabaseConformance
from agnodb.testing.mariadb import MySQLAccess


@pytest.fixture(scope="module")
def module_database(mysql_server: MySQLAccess) -> Iterator[str]:
    with database_without_keys(mysql_server) as name:
        yield name


@pytest.fixture(scope="module", autouse=True)
def every_statement() -> Iterator[None]:
    """Whatever the suite has the repositories send, SingleStore's own dialect compiles and sqlglot reads."""
    with texts_for_singlestore() as texts:
        yield
        assert [text for text in texts() if refused(text)] == []


class TestSingleStoreOnMariaDB(DatabaseConformance):  # type: ignore[misc,valid-type]
    # Their writers are processes of their own, which know nothing of the subset.
    test_concurrency_32_writers_in_4_processes_lose_nothing = None
    test_concurrency_writers_of_everything_lose_nothing = None
    # Faults are told by MySQL's own databases; here each statement is its own round trip.
    test_fault_every_statement_of_every_call = None
    test_fault_every_fault_of_every_shape = None
    test_fault_every_statement_of_every_refusal = None

    @pytest_asyncio.fixture
    async def make_db(
        self, mysql_server: MySQLAccess, module_database: str
    ) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        url = mysql_server.url.replace("mysql:", "singlestore:")

        def make() -> AsyncSingleStoreDb:
            return AsyncSingleStoreDb(db_url=f"{url}/{module_database}", db_schema=module_database)

        with on_mariadb():
            async with mysql_databases(make, mysql_server, module_database) as give:
                yield give


class TestSyncSingleStoreOnMariaDB(ConceptConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(
        self, mysql_server: MySQLAccess, module_database: str
    ) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        url = mysql_server.url.replace("mysql:", "singlestore:")

        def make() -> AsyncFacade:
            return AsyncFacade(SingleStoreDb(db_url=f"{url}/{module_database}", db_schema=module_database))

        with on_mariadb():
            async with mysql_databases(make, mysql_server, module_database) as give:
                yield give


class TestSingleStore(DatabaseConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, singlestore_server: MySQLAccess) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        name, made = f"agnodb_test_{uuid.uuid4().hex[:12]}", []

        async def give() -> AsyncSingleStoreDb:
            made.append(
                AsyncSingleStoreDb(db_url=singlestore_server.url.replace("mysql:", "singlestore:"), db_schema=name)
            )
            return made[-1]

        yield give
        for database in made:
            await database.close()
        singlestore_server.drop_database(name)
