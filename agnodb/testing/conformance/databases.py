"""What every database object promises, whatever it stores: schema, transactions, life cycle, secrets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agnodb.errors import ConfigurationError, WrongLoopError
from agnodb.filters import Page
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.sessions import a_session


class DatabaseLifeConformance:
    """The database object."""

    async def test_the_id_is_the_same_in_every_replica(self, db: Any, make_db: Any) -> None:
        assert (await make_db()).id == db.id

    async def test_tables_are_made_once_and_again_without_harm(self, db: Any) -> None:
        await db.create_tables()
        await db._create_all_tables()
        assert await db.table_exists(db.session_table_name)
        assert not await db.table_exists("no_such_table")

    async def test_every_table_is_stamped_with_the_shape_that_agno_knows(self, db: Any) -> None:
        await db.create_tables()
        for name in (db.session_table_name, db.runs_table_name, db.span_table_name, db.approvals_table_name):
            assert await db.schema_versions.get(name) == "3.0.0"
            assert await db.get_latest_schema_version(name) == "3.0.0"
        await db.upsert_schema_version(db.session_table_name, "3.1.0")
        assert await db.get_latest_schema_version(db.session_table_name) == "3.1.0"

    async def test_a_transaction_spans_concepts(self, db: Any) -> None:
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                await tx.sessions.upsert(a_session())
                await tx.memories.upsert(a_memory())
                raise LookupError
        assert await db.memories.page(Page()) == ([], 0)
        async with db.transaction() as tx:
            await tx.sessions.upsert(a_session())
            await tx.memories.upsert(a_memory())
            assert (await tx.memories.get("m")).user_id == "alice"
        assert await db.sessions.get("s") is not None

    async def test_a_failed_statement_ends_its_transaction_and_nothing_else(self, db: Any) -> None:
        with pytest.raises(Exception):  # noqa: B017
            async with db.transaction() as tx:
                await tx.sessions.upsert(a_session())
                await tx.sessions.upsert(a_session(user_id="bob"))
        assert await db.sessions.get("s") is None
        await db.sessions.upsert(a_session())

    async def test_a_closed_database_says_so(self, make_db: Any) -> None:
        database = await make_db()
        async with database as entered:
            assert entered is database
            await database.sessions.get("s")
        with pytest.raises(ConfigurationError):
            await database.sessions.get("s")
        await database.close()

    async def test_what_another_event_loop_writes_is_listed(self, db: Any) -> None:
        await db.memories.upsert(a_memory("m0"))

        async def written(number: int) -> None:
            await db.memories.upsert(a_memory(f"m{number}"))

        try:
            for number in (1, 2):  # each in a loop of its own, as agno's exporter has one for each call
                await asyncio.to_thread(asyncio.run, written(number))
        except WrongLoopError:  # of a client that was passed in, and belongs to one loop
            return
        found, total = await db.memories.page(Page())
        assert ({memory.memory_id for memory in found}, total) == ({"m0", "m1", "m2"}, 3)

    async def test_it_can_be_rebuilt_from_its_dictionary(self, db: Any) -> None:
        data = db.to_dict()
        rebuilt = type(db).from_dict(data)
        assert (rebuilt.id, rebuilt.session_table_name) == (db.id, db.session_table_name)
        await rebuilt.close()


class TableConformance:
    """SQLAlchemy's tables, for queries of one's own."""

    async def test_tables_are_found_by_agnos_names(self, db: Any) -> None:
        assert (await db._get_table("evals")).name == db.eval_table_name
        assert await db._get_table("components") is None
