"""One MongoDB database for all tests of a module, emptied before each: making one takes longer than most tests."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient, MongoClient

from agnodb import AsyncMongoDb, MongoDb
from agnodb.testing.blocking import AsyncFacade

KEPT = ("agno_schema_versions", "agnodb_version")

STAMP = "3.0.0"

Make = Callable[[], Awaitable[Any]]


@pytest.fixture(scope="module")
def mongo_database(mongodb_server: str) -> Iterator[str]:
    """The name of a database with our collections in it, dropped at the end."""
    name = f"agnodb_test_{uuid.uuid4().hex[:12]}"
    with MongoDb(db_url=mongodb_server, db_name=name) as database:
        database.create_tables()
    yield name
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        client.drop_database(name)


@pytest.fixture
def emptied(mongodb_server: str, mongo_database: str) -> Iterator[str]:
    """Its name; it is emptied afterwards, and its stamps are as new."""
    yield mongo_database
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        for name in client[mongo_database].list_collection_names():
            if name not in KEPT:
                client[mongo_database][name].delete_many({})
        client[mongo_database][KEPT[0]].update_many({}, {"$set": {"version": STAMP}})


class OnMotor:
    """Databases that make their own clients: Motor's."""

    @pytest_asyncio.fixture
    async def make_db(self, mongodb_server: str, emptied: str) -> AsyncIterator[Make]:
        opened: list[AsyncMongoDb] = []

        async def make() -> AsyncMongoDb:
            opened.append(AsyncMongoDb(db_url=mongodb_server, db_name=emptied))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()

    @pytest_asyncio.fixture
    async def db(self, make_db: Make) -> Any:
        return await make_db()


class OnAsyncMongoClient(OnMotor):
    """Databases on an `AsyncMongoClient` of PyMongo's."""

    @pytest_asyncio.fixture
    async def make_db(self, mongodb_server: str, emptied: str) -> AsyncIterator[Make]:
        async with AsyncMongoClient[dict[str, Any]](mongodb_server) as client:

            async def make() -> AsyncMongoDb:
                return AsyncMongoDb(db_client=client, db_url=mongodb_server, db_name=emptied)

            yield make


class OnSync(OnMotor):
    """Databases without an event loop."""

    @pytest_asyncio.fixture
    async def make_db(self, mongodb_server: str, emptied: str) -> AsyncIterator[Make]:
        opened: list[AsyncFacade] = []

        async def make() -> AsyncFacade:
            opened.append(AsyncFacade(MongoDb(db_url=mongodb_server, db_name=emptied)))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()
