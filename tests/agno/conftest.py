"""Fixtures of the tests against the real agno: each test runs on both databases."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from places import Place


@pytest.fixture(params=["postgresql", "sqlite"])
def place(request: pytest.FixtureRequest) -> Place:
    """An empty database, for agnodb and for agno's own adapter."""
    fixture = "postgres_url" if request.param == "postgresql" else "sqlite_url"
    return Place(request.param, request.getfixturevalue(fixture))


@pytest_asyncio.fixture
async def db(place: Place) -> AsyncIterator[Any]:
    """agnodb's database object on `place`."""
    async with place.ours() as database:
        yield database


@pytest.fixture(autouse=True)
def agno_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What agno logs: an error that it swallows is only there. Its loggers do not propagate by themselves."""
    loggers = [logging.getLogger(name) for name in ("agno", "agno-team", "agno-workflow")]
    for logger in loggers:
        logger.addHandler(caplog.handler)
    yield caplog
    for logger in loggers:
        logger.removeHandler(caplog.handler)
