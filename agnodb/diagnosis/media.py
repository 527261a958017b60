"""What the runs of a database refer to in an object store. Each reads all runs in one go, so none is passed over."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, select

from agnodb import codec
from agnodb.config import Layout
from agnodb.contracts.runs import RunRepository
from agnodb.diagnosis.connecting import looking
from agnodb.filters import Page
from agnodb.models.base import Tables, tables_for
from agnodb.mongo.documents import decoded
from agnodb.rules.media import references


async def in_sql(url: URL, layout: Layout, backend: str, bucket: str) -> set[str]:
    """The keys in the runs of a SQL database."""
    found: set[str] = set()
    async with looking(url) as engine, engine.connect() as connection:
        async for (document,) in await connection.stream(select(tables_for(layout).runs.c.run_data)):
            read = codec.decode(document) if isinstance(document, str) else document
            found.update(key for _session, key in references(read, backend, bucket))
    return found


async def in_mongo(database: Any, tables: Tables, backend: str, bucket: str) -> set[str]:
    """The keys in the runs of a MongoDB database."""
    found: set[str] = set()
    async for row in database[tables.runs.name].find({}, {"run_data": 1}):
        found.update(key for _session, key in references(decoded(row.get("run_data")), backend, bucket))
    return found


async def in_store(runs: RunRepository, backend: str, bucket: str) -> set[str]:
    """The keys in the runs of a store of documents."""
    rows, _total = await runs.page(Page())
    return {key for run in rows for _session, key in references(run.run_data, backend, bucket)}
