"""Transactions, and blocks inside the application's own session."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import exc, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from agnodb.errors import ConfigurationError, DuplicateKeyError, NotFoundError, OwnershipError
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session


class _Application(DeclarativeBase):
    pass


class Order(_Application):
    """A row of the application's own."""

    __tablename__ = "agnodb_conformance_orders"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


@contextlib.asynccontextmanager
async def an_application(db: Any) -> AsyncIterator[Any]:
    """A session of an application that has a table of its own beside those of `db`."""
    await db.create_tables()
    async with db.async_session_factory() as session:
        await session.run_sync(lambda sync: _Application.metadata.create_all(sync.connection()))
        await session.commit()
        try:
            yield session
        finally:
            await session.rollback()
            await session.run_sync(lambda sync: _Application.metadata.drop_all(sync.connection()))
            await session.commit()


async def orders(session: Any) -> list[int]:
    """The numbers of all stored orders."""
    found = (await session.execute(select(Order.number).order_by(Order.number))).scalars().all()
    await session.rollback()
    return list(found)


async def stored(db: Any, *memory_ids: str) -> list[bool]:
    """Whether each memory is there."""
    return [await db.memories.get(memory_id) is not None for memory_id in memory_ids]


def an_eval(run_id: str = "e") -> EvalRunRecord:
    """To be inserted: a second one of the same id is refused by the database itself."""
    return EvalRunRecord(run_id=run_id, eval_type="accuracy", eval_data={})


class TransactionConformance:
    """Transactions."""

    @pytest.mark.parametrize("kept", [True, False])
    async def test_what_still_runs_beside_the_block_is_done_or_refused_with_it(self, db: Any, kept: bool) -> None:
        await db.create_tables()
        for turns in range(12):
            first, second = f"first{turns}", f"second{turns}"
            with contextlib.suppress(LookupError):
                async with db.transaction() as tx:
                    await tx.memories.upsert(a_memory(first))
                    beside = asyncio.create_task(tx.memories.upsert(a_memory(second)))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    if not kept:
                        raise LookupError
            done = not isinstance((await asyncio.gather(beside, return_exceptions=True))[0], Exception)
            await db.memories.upsert(a_memory("later"))
            assert await stored(db, first, second) == [kept, kept and done]

    async def test_a_refusal_of_ours_is_no_failure(self, db: Any) -> None:
        await db.memories.upsert(a_memory("alices"))
        async with db.transaction() as tx:
            with pytest.raises(OwnershipError):
                await tx.memories.upsert(a_memory("alices", user_id="bob"))
            await tx.memories.upsert(a_memory("bobs", user_id="bob"))
        assert await stored(db, "bobs") == [True]

    async def test_methods_of_several_statements_are_a_part_of_it(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        await db.runs.upsert(a_run(status="RUNNING"))
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                assert await tx.runs.patch("r", "s", lambda run: {"status": "COMPLETED"})
                await tx.metrics.refresh()
                assert (await tx.runs.get("r")).status == "COMPLETED"
                raise LookupError
        assert (await db.runs.get("r")).status == "RUNNING"
        async with db.transaction() as tx:
            assert await tx.runs.patch("r", "s", lambda run: {"status": "COMPLETED"})
        assert (await db.runs.get("r")).status == "COMPLETED"

    async def test_such_methods_side_by_side_wait_for_each_other(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        names = [f"r{number}" for number in range(4)]
        async with db.transaction() as tx:
            for name in names:
                await tx.runs.upsert(a_run(name, status="RUNNING"))
            patches = [tx.runs.patch(name, "s", lambda run: {"status": "COMPLETED"}) for name in names]
            assert await asyncio.gather(*patches, tx.runs.get("r0"))
        assert [(await db.runs.get(name)).status for name in names] == ["COMPLETED"] * 4


class JoinedSessionConformance:
    """A block on the connection of the application's own SQLAlchemy session."""

    @pytest.mark.parametrize("kept", [True, False])
    async def test_rows_of_both_are_stored_together_or_not_at_all(self, db: Any, kept: bool) -> None:
        async with an_application(db) as session:
            session.add(Order(number=1))
            async with db.transaction(session=session) as tx:
                await tx.sessions.upsert(a_session())
                await tx.runs.upsert(a_run())
                session.add(Order(number=2))
                async with tx.savepoint() as part:
                    await part.memories.upsert(a_memory())
            assert await db.sessions.get("s") is None
            await (session.commit if kept else session.rollback)()
            assert await orders(session) == ([1, 2] if kept else [])
            found = [await db.sessions.get("s"), await db.runs.get("r"), await db.memories.get("m")]
            assert [row is not None for row in found] == [kept] * 3

    async def test_an_error_undoes_the_block_and_leaves_the_rest_to_the_application(self, db: Any) -> None:
        await db.eval_runs.create(an_eval())
        async with an_application(db) as session:
            session.add(Order(number=1))
            with pytest.raises(DuplicateKeyError):
                async with db.transaction(session=session) as tx:
                    session.add(Order(number=2))
                    await session.flush()
                    await tx.memories.upsert(a_memory("undone"))
                    await tx.eval_runs.create(an_eval())
            session.add(Order(number=3))
            async with db.transaction(session=session) as tx:
                await tx.memories.upsert(a_memory("kept"))
            await session.commit()
            assert await orders(session) == [1, 3]
            assert await stored(db, "undone", "kept") == [False, True]

    async def test_a_connection_will_do(self, db: Any) -> None:
        async with an_application(db) as session:
            connection = await session.connection()
            async with db.transaction(session=connection) as tx:
                await tx.memories.upsert(a_memory("kept"))
            with pytest.raises(LookupError):
                async with db.transaction(session=connection) as tx:
                    await tx.memories.upsert(a_memory("undone"))
                    raise LookupError
            await session.commit()
            assert await stored(db, "kept", "undone") == [True, False]

    async def test_what_the_application_has_pending_is_flushed_first(self, db: Any) -> None:
        async with an_application(db) as session:
            session.add(Order(number=1))
            await session.commit()
            session.expunge_all()
            session.add(Order(number=1))
            with pytest.raises(exc.IntegrityError):  # its own error, as it is
                async with db.transaction(session=session):
                    raise AssertionError("nothing has begun")
            await session.rollback()
            with pytest.raises(exc.IntegrityError):
                async with db.transaction(session=session) as tx:
                    await tx.memories.upsert(a_memory())
                    session.add(Order(number=1))
            session.add(Order(number=2))
            await session.commit()
            assert await orders(session) == [1, 2]
            assert await stored(db, "m") == [False]

    @pytest.mark.parametrize("end", ["commit", "rollback"])
    async def test_an_application_that_ends_its_transaction_inside_is_told(self, db: Any, end: str) -> None:
        async with an_application(db) as session:
            with pytest.raises(ConfigurationError):
                async with db.transaction(session=session) as tx:
                    await tx.memories.upsert(a_memory())
                    await getattr(session, end)()
            with pytest.raises(ConfigurationError):
                async with db.transaction(session=session) as tx:
                    await getattr(session, end)()
                    with pytest.raises(ConfigurationError):
                        await tx.memories.upsert(a_memory("late"))
            with pytest.raises(ConfigurationError):
                async with db.transaction(session=session) as tx:
                    await getattr(session, end)()
                    async with tx.savepoint() as part:
                        await part.memories.upsert(a_memory("late"))
            await session.commit()
            assert await stored(db, "m", "late") == [end == "commit", False]

    async def test_what_is_no_session_is_refused(self, db: Any) -> None:
        for wrong in ("session", db, db.db_engine, object()):
            with pytest.raises(ConfigurationError, match="session="):
                async with db.transaction(session=wrong):
                    raise AssertionError("nothing has begun")

    async def test_a_session_whose_transaction_has_failed_is_refused(self, db: Any) -> None:
        async with an_application(db) as session:
            session.add(Order(number=1))
            await session.flush()
            session.expunge_all()
            session.add(Order(number=1))
            with pytest.raises(exc.IntegrityError):
                await session.flush()
            with pytest.raises(ConfigurationError, match="rolled back"):
                async with db.transaction(session=session):
                    raise AssertionError("nothing has begun")
            await session.rollback()
            async with db.transaction(session=session) as tx:
                await tx.memories.upsert(a_memory())
            await session.commit()
            assert await stored(db, "m") == [True]

    async def test_a_parent_that_is_missing_is_the_applications_error_too(self, db: Any) -> None:
        async with an_application(db) as session:
            with pytest.raises(NotFoundError):
                async with db.transaction(session=session) as tx:
                    await tx.runs.upsert(a_run(session_id="nowhere"))
            session.add(Order(number=1))
            await session.commit()
            assert await orders(session) == [1]
