"""A database for vectors, and stores on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chunks import HashingEmbedder, MakeStore

from agnodb import AsyncPostgresDb, AsyncSqliteDb
from agnodb.vector import PgVector, SqliteVector


@pytest.fixture
def on() -> str:
    """Which database: a test that holds on both has `chunks.BOTH`."""
    return "postgres"


@pytest.fixture
async def db(request: pytest.FixtureRequest, on: str, tmp_path: Path) -> AsyncIterator[AsyncPostgresDb | AsyncSqliteDb]:
    database = (
        AsyncSqliteDb(db_file=str(tmp_path / "vectors.db"))
        if on == "sqlite"
        else AsyncPostgresDb(db_url=request.getfixturevalue("postgres_url"))
    )
    async with database as made:
        yield made


@pytest.fixture
async def make_store(db: Any, on: str) -> AsyncIterator[MakeStore]:
    """Makes stores over `db`, which are closed after the test."""
    made: list[PgVector | SqliteVector] = []
    kind = SqliteVector if on == "sqlite" else PgVector

    def make(search_type: str = "hybrid", **given: Any) -> PgVector | SqliteVector:
        arguments = {"table_name": "kb", "db": db, "embedder": HashingEmbedder(), "search_type": search_type, **given}
        made.append(kind(**arguments))
        return made[-1]

    yield make
    for store in made:
        await store.close()
