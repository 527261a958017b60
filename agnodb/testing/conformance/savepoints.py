"""Savepoints: the part of a transaction that may fail by itself, and what becomes of failures without one."""

from __future__ import annotations

from typing import Any

import pytest

from agnodb.errors import ConfigurationError, DuplicateKeyError, StorageError
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.merging import data_of, tokens
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.transactions import an_eval, stored


class SavepointConformance:
    """Savepoints. A database that has none raises UnsupportedOperationError, and a failure undoes its transaction."""

    async def test_an_error_undoes_its_savepoint_only(self, db: Any) -> None:
        error = LookupError("the application's own")
        async with db.transaction() as tx:
            await tx.memories.upsert(a_memory("before"))
            with pytest.raises(LookupError) as raised:
                async with tx.savepoint() as part:
                    await part.memories.upsert(a_memory("inside"))
                    raise error
            assert raised.value is error
            assert await tx.memories.get("inside") is None
            async with tx.savepoint() as part:
                await part.memories.upsert(a_memory("kept"))
            await tx.memories.upsert(a_memory("after"))
        assert await stored(db, "before", "inside", "kept", "after") == [True, False, True, True]

    async def test_a_refused_statement_undoes_its_savepoint_only(self, db: Any) -> None:
        await db.eval_runs.create(an_eval())
        async with db.transaction() as tx:
            await tx.memories.upsert(a_memory("before"))
            with pytest.raises(DuplicateKeyError):
                async with tx.savepoint() as part:
                    await part.memories.upsert(a_memory("inside"))
                    await part.eval_runs.create(an_eval())
            await tx.memories.upsert(a_memory("after"))
        assert await stored(db, "before", "inside", "after") == [True, False, True]

    async def test_savepoints_in_savepoints(self, db: Any) -> None:
        async with db.transaction() as tx:
            with pytest.raises(LookupError):
                async with tx.savepoint() as outer:
                    await outer.memories.upsert(a_memory("outer"))
                    async with outer.savepoint() as inner:
                        await inner.memories.upsert(a_memory("inner"))
                    raise LookupError
            async with tx.savepoint() as outer:
                with pytest.raises(LookupError):
                    async with outer.savepoint() as inner:
                        await inner.memories.upsert(a_memory("undone"))
                        raise LookupError
                await outer.memories.upsert(a_memory("kept"))
        assert await stored(db, "outer", "inner", "undone", "kept") == [False, False, False, True]

    async def test_a_savepoint_that_was_undone(self, db: Any) -> None:
        held = await db.sessions.upsert(a_session(session_data=tokens(0)))
        async with db.transaction() as tx:
            held.session_data = tokens(1, kept=1)
            await tx.sessions.upsert(held)
            with pytest.raises(LookupError):
                async with tx.savepoint() as part:
                    held.session_data = tokens(2, kept=1, undone=1)
                    await part.sessions.upsert(held)
                    raise LookupError
            held.session_data = tokens(3, kept=1)
            await tx.sessions.upsert(held)
            async with tx.savepoint() as part:
                held.session_data = tokens(4, kept=1, done=1)
                await part.sessions.upsert(held)
        held.session_data = tokens(5, kept=1, done=1)
        await db.sessions.upsert(held)
        assert await data_of(db) == tokens(5, kept=1, done=1)

    async def test_a_savepoint_goes_with_its_transaction(self, db: Any) -> None:
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                async with tx.savepoint() as part:
                    await part.memories.upsert(a_memory())
                raise LookupError
        assert await stored(db, "m") == [False]

    async def test_a_transaction_beside_is_one_of_its_own(self, db: Any) -> None:
        await db.create_tables()
        async with db.transaction() as tx:
            async with db.transaction() as other:
                await other.memories.upsert(a_memory("other"))
            with pytest.raises(LookupError):
                async with tx.savepoint() as part:
                    await part.memories.upsert(a_memory("part"))
                    raise LookupError
        assert await stored(db, "other", "part") == [True, False]

    async def test_one_savepoint_at_a_time(self, db: Any) -> None:
        async with db.transaction() as tx:
            async with tx.savepoint() as part:
                with pytest.raises(ConfigurationError):
                    await tx.memories.upsert(a_memory("beside"))
                with pytest.raises(ConfigurationError):
                    async with tx.savepoint():
                        pass
                await part.memories.upsert(a_memory("inside"))
            with pytest.raises(ConfigurationError):
                await part.memories.upsert(a_memory("late"))
            await tx.memories.upsert(a_memory("after"))
        with pytest.raises(ConfigurationError):
            await tx.memories.get("after")
        assert await stored(db, "beside", "inside", "late", "after") == [False, True, False, True]

    # -- failures ---------------------------------------------------------------------------------------------

    async def test_who_swallows_a_failure_hears_of_it_at_the_end(self, db: Any) -> None:
        await db.eval_runs.create(an_eval())
        with pytest.raises(StorageError) as raised:
            async with db.transaction() as tx:
                await tx.memories.upsert(a_memory())
                with pytest.raises(DuplicateKeyError):
                    await tx.eval_runs.create(an_eval())
        assert "savepoint" in str(raised.value)
        assert await stored(db, "m") == [False]

    async def test_nothing_is_run_after_a_failure(self, db: Any) -> None:
        await db.eval_runs.create(an_eval())
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                await tx.memories.upsert(a_memory())
                with pytest.raises(DuplicateKeyError):
                    await tx.eval_runs.create(an_eval())
                with pytest.raises(StorageError, match="savepoint"):
                    await tx.memories.upsert(a_memory("after"))
                with pytest.raises(StorageError, match="savepoint"):
                    async with tx.savepoint():
                        pass
                raise LookupError
        assert await stored(db, "m", "after") == [False, False]

    async def test_a_failure_swallowed_in_a_savepoint_ends_the_savepoint(self, db: Any) -> None:
        await db.eval_runs.create(an_eval())
        async with db.transaction() as tx:
            with pytest.raises(StorageError, match="savepoint"):
                async with tx.savepoint() as part:
                    await part.memories.upsert(a_memory("inside"))
                    with pytest.raises(DuplicateKeyError):
                        await part.eval_runs.create(an_eval())
            await tx.memories.upsert(a_memory("after"))
        assert await stored(db, "inside", "after") == [False, True]

    async def test_flat_methods_are_a_part_of_it(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        await db.runs.upsert(a_run(status="RUNNING"))
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                await tx.delete_session("s")
                assert await tx.get_session("s") is None
                raise LookupError
        assert await db.sessions.get("s") is not None
        async with db.transaction() as tx:
            await tx.delete_run("r")
            async with tx.savepoint() as part:
                await part.delete_session("s")
        assert await db.sessions.get("s") is None
