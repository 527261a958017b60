"""Every statement of every shape, as SingleStore's own dialect of SQLAlchemy compiles it and sqlglot reads it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlglot
from sqlalchemy import Executable, event
from sqlalchemy_singlestoredb.base import SingleStoreDBDialect
from sqlglot import exp

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


async def test_all_of_them(mysql_server: MySQLAccess, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MariaDB runs what both understand; what it refuses has been sent all the same."""
    monkeypatch.setattr(drivers, "_singlestore", drivers._mysql)
    sent: list[Executable] = []
    sample, url = Sample(), mysql_server.url.replace("mysql:", "singlestore:")
    async with AsyncMySQLDb(db_url=mysql_server.url, db_schema=database) as filled:
        await sample.fill(filled)
    async with AsyncSingleStoreDb(db_url=f"{url}/{database}", db_schema=database, retry_timeout=0) as db:

        def note(_connection: Any, statement: Any, *_further: Any) -> None:
            sent.append(statement)

        event.listen(db.db_engine.sync_engine, "before_execute", note)
        for taken in (True, False):
            for call in calls(db, sample, user="alice", taken=taken):
                try:
                    await call.run()
                except AgnoDbError:
                    continue
    texts = {_compiled(each) for each in sent if hasattr(each, "compile")}
    assert len(texts) > 150
    assert [text for text in texts if _refused(text)] == []


def _compiled(statement: Any) -> str:
    return str(statement.compile(dialect=SingleStoreDBDialect(paramstyle="named")))


def _refused(text: str) -> bool:
    """Whether sqlglot cannot read it, or it says what SingleStore does not know."""
    plain = text.replace("%%", "%").replace("__[POSTCOMPILE_", ":p_").replace("]", "")
    parsed = sqlglot.parse_one(plain, dialect="singlestore")
    values = parsed.find(exp.Values) if isinstance(parsed, exp.Insert) else None
    computed = values is not None and values.find(exp.Select, exp.Func) is not None
    return isinstance(parsed, exp.Command) or computed or "SKIP LOCKED" in text or "ESCAPE" in text


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
