"""Fixtures of the sync side: each test runs on both databases. What `tests/agno` has for its tests is used here too."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agnodb.testing.mariadb import MySQLAccess

sys.path.append(str(Path(__file__).parents[1] / "agno"))

from sync_places import SyncPlace


@pytest.fixture(params=["postgresql", "sqlite"])
def place(request: pytest.FixtureRequest) -> SyncPlace:
    """An empty database."""
    fixture = "postgres_url" if request.param == "postgresql" else "sqlite_url"
    return SyncPlace(request.param, request.getfixturevalue(fixture))


@pytest.fixture
def mysql_place(mysql_server: MySQLAccess) -> Iterator[SyncPlace]:
    """An empty database on MariaDB, which a module makes its `place`."""
    name = mysql_server.create_database(f"agnodb_sync_{uuid.uuid4().hex[:8]}")
    yield SyncPlace("mysql", f"{mysql_server.url}/{name}")
    mysql_server.drop_database(name)


@pytest.fixture
def db(place: SyncPlace) -> Iterator[Any]:
    """agnodb's sync database object on `place`."""
    with place.ours() as database:
        yield database
