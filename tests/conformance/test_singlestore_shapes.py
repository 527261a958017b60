"""Every statement of every shape, as SingleStore's own dialect of SQLAlchemy compiles it and sqlglot reads it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import pytest
from singlestore_texts import refused, texts_for_singlestore

from agnodb import AsyncMySQLDb, AsyncSingleStoreDb, MySQLDb, drivers
from agnodb.errors import AgnoDbError
from agnodb.records.memories import MemoryRecord
from agnodb.testing.conformance.calls import Sample, calls
from agnodb.testing.mariadb import MySQLAccess


@pytest.fixture
def database(mysql_server: MySQLAccess) -> Iterator[str]:
    name = mysql_server.create_database(f"agnodb_test_{uuid.uuid4().hex[:12]}")
    with MySQLDb(db_url=mysql_server.url, db_schema=name) as made:
        made.create_tables()
    yield name
    mysql_server.drop_database(name)


async def test_every_call(mysql_server: MySQLAccess, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In SingleStore's own words: MariaDB refuses its JSON functions, and they have been sent all the same."""
    monkeypatch.setattr(drivers, "_singlestore", drivers._mysql)
    sample, url = Sample(), mysql_server.url.replace("mysql:", "singlestore:")
    async with AsyncMySQLDb(db_url=mysql_server.url, db_schema=database) as filled:
        await sample.fill(filled)
    with texts_for_singlestore() as texts:
        async with AsyncSingleStoreDb(db_url=f"{url}/{database}", db_schema=database, retry_timeout=0) as db:
            for taken in (True, False):
                for call in calls(db, sample, user="alice", taken=taken):
                    try:
                        await call.run()
                    except AgnoDbError:
                        continue
        assert len(texts()) > 150
        assert [text for text in texts() if refused(text)] == []


async def test_without_savepoints_a_block_that_fails_undoes_all(
    mysql_server: MySQLAccess, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "_singlestore", drivers._mysql)
    url = mysql_server.url.replace("mysql:", "singlestore:")
    async with AsyncSingleStoreDb(db_url=f"{url}/{database}", db_schema=database, retry_timeout=0) as db:
        async with db.transaction() as tx, tx.savepoint() as part:
            await part.memories.upsert(MemoryRecord(memory_id="kept", memory="tea", user_id="alice"))
        with pytest.raises(AgnoDbError):
            async with db.transaction() as tx:
                await tx.memories.upsert(MemoryRecord(memory_id="before", memory="tea", user_id="alice"))
                with contextlib.suppress(Exception):
                    async with tx.savepoint() as part:
                        await part.memories.upsert(MemoryRecord(memory_id="inside", memory="tea", user_id="alice"))
                        raise ValueError
                await tx.memories.upsert(MemoryRecord(memory_id="after", memory="tea", user_id="alice"))
        assert [await db.memories.get(name) is not None for name in ("kept", "before", "inside", "after")] == [
            True, False, False, False,
        ]  # fmt: skip
