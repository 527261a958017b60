"""Fixtures of the tests against the real agno: each test runs on both databases."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from agents import helper, refund_order
from agno.knowledge import Knowledge
from agno.os import AgentOS
from httpx import ASGITransport, AsyncClient
from places import MongoPlace, Place

from agnodb.testing.mariadb import MySQLAccess


@pytest.fixture(params=["postgresql", "sqlite"])
def place(request: pytest.FixtureRequest) -> Place:
    """An empty database, for agnodb and for agno's own adapter."""
    fixture = "postgres_url" if request.param == "postgresql" else "sqlite_url"
    return Place(request.param, request.getfixturevalue(fixture))


@pytest.fixture
def mysql_place(mysql_server: MySQLAccess) -> Iterator[Place]:
    """An empty database on MariaDB, which a module makes its `place`."""
    name = mysql_server.create_database(f"agnodb_agno_{uuid.uuid4().hex[:8]}")
    yield Place("mysql", f"{mysql_server.url}/{name}")
    mysql_server.drop_database(name)


@pytest.fixture
def mongo_place(mongodb_server: str) -> Iterator[Place]:
    """An empty database on MongoDB, which a module makes its `place`."""
    place = MongoPlace("mongodb", mongodb_server, f"agnodb_agno_{uuid.uuid4().hex[:8]}")
    yield place
    place.drop()


@pytest_asyncio.fixture
async def db(place: Place) -> AsyncIterator[Any]:
    """agnodb's database object on `place`."""
    async with place.ours() as database:
        yield database


@pytest_asyncio.fixture
async def api(db: Any) -> AsyncIterator[AsyncClient]:
    """A client of an AgentOS on `db`."""
    knowledge = Knowledge(name="books", contents_db=db)
    system = AgentOS(agents=[helper(db, tools=[refund_order])], knowledge=[knowledge], db=db, telemetry=False)
    app = system.get_app()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://os") as client:
        yield client


@pytest.fixture(autouse=True)
def agno_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What agno logs: an error that it swallows is only there. Its loggers do not propagate by themselves."""
    loggers = [logging.getLogger(name) for name in ("agno", "agno-team", "agno-workflow")]
    for logger in loggers:
        logger.addHandler(caplog.handler)
    yield caplog
    for logger in loggers:
        logger.removeHandler(caplog.handler)
