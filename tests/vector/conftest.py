"""A database with pgvector, and stores on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from chunks import HashingEmbedder, MakeStore

from agnodb import AsyncPostgresDb
from agnodb.vector import PgVector


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[AsyncPostgresDb]:
    async with AsyncPostgresDb(db_url=postgres_url) as made:
        yield made


@pytest.fixture
async def make_store(db: AsyncPostgresDb) -> AsyncIterator[MakeStore]:
    """Makes stores over `db`, which are closed after the test."""
    made: list[PgVector] = []

    def make(search_type: str = "hybrid", **given: Any) -> PgVector:
        arguments = {"table_name": "kb", "db": db, "embedder": HashingEmbedder(), "search_type": search_type, **given}
        made.append(PgVector(**arguments))
        return made[-1]

    yield make
    for store in made:
        await store.close()
