"""The fault matrix of the conformance suite finds what it is for: it is run here on methods that are wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from breaking import memory
from sqlalchemy import Engine

from agnodb import AsyncPostgresDb, AsyncSqliteDb
from agnodb.databases.methods.memories import MemoryMethods
from agnodb.errors import AgnoDbError, UnavailableError
from agnodb.sql.approvals import SqlApprovalRepository
from agnodb.testing.conformance.calls import Call, Sample, calls
from agnodb.testing.conformance.faults import Matrix, met_by_faults
from agnodb.testing.injection import SECRET, Fault, faults


def fault(engine: Engine, name: str) -> Fault:
    (found,) = (fault for fault in faults(engine) if fault.name == name)
    return found


def a_call(db: Any, method: Callable[[], Awaitable[Any]], *, writes: bool = True) -> Call:
    """A call of a method that no database has."""
    namespace = SimpleNamespace(method=method, repositories=db.repositories)
    return Call("method", "memories", writes, takes_user=False, arguments=dict, db=namespace)


async def struck(matrix: Matrix, call: Call, name: str, at: int) -> None:
    await matrix.strike(await matrix.undisturbed(call), fault(matrix.injection.engine, name), at)


@asynccontextmanager
async def made_by(make: Callable[[], Any]) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """An async function that gives what `make` makes, all of which is closed at the end."""
    made: list[Any] = []

    async def give() -> Any:
        made.append(make())
        return made[-1]

    yield give
    for database in made:
        await database.close()


@pytest_asyncio.fixture
async def make_db(sqlite_url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    async with made_by(lambda: AsyncSqliteDb(db_url=sqlite_url)) as give:
        yield give


async def test_a_method_that_nobody_has_thought_of_cannot_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get_gizmo(self: Any, gizmo: str) -> None: ...

    before = {call.name for call in calls(None, Sample())}
    monkeypatch.setattr(MemoryMethods, "get_gizmo", get_gizmo, raising=False)
    with pytest.raises(LookupError, match="gizmo"):
        list(calls(None, Sample()))

    async def get_known(self: Any, memory_id: str) -> None: ...

    monkeypatch.setattr(MemoryMethods, "get_gizmo", get_known)
    assert {call.name for call in calls(None, Sample())} - before == {"get_gizmo"}


async def test_a_call_that_does_nothing_proves_nothing(make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with met_by_faults(make_db, monkeypatch) as matrix:

        async def reads() -> Any:
            return await matrix.db.memories.get("m")

        async def finds_nothing() -> Any:
            return await matrix.db.memories.get("no such")

        matrix.is_meant(await matrix.undisturbed(a_call(matrix.db, reads, writes=False)))
        with pytest.raises(AssertionError, match="changes nothing"):
            matrix.is_meant(await matrix.undisturbed(a_call(matrix.db, reads)))
        with pytest.raises(AssertionError, match="finds nothing"):
            matrix.is_meant(await matrix.undisturbed(a_call(matrix.db, finds_nothing, writes=False)))


async def test_half_a_write_is_seen(make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with met_by_faults(make_db, monkeypatch) as matrix:

        async def two_writes() -> None:
            await matrix.db.memories.upsert(memory(1))
            await matrix.db.memories.upsert(memory(2))

        async def one_transaction() -> None:
            async with matrix.db.transaction() as tx:
                await tx.memories.upsert(memory(1))
                await tx.memories.upsert(memory(2))

        whole = a_call(matrix.db, one_transaction)
        for at in range(len((await matrix.undisturbed(whole)).places)):
            await struck(matrix, whole, "disk full", at)
        with pytest.raises(AssertionError, match="half done"):
            await struck(matrix, a_call(matrix.db, two_writes), "disk full", 1)


async def test_an_error_that_is_swallowed_is_seen(make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with met_by_faults(make_db, monkeypatch) as matrix:

        async def swallows() -> Any:
            try:
                return await matrix.db.memories.get("m")
            except AgnoDbError:
                return None

        with pytest.raises(AssertionError, match="not told"):
            await struck(matrix, a_call(matrix.db, swallows, writes=False), "disk full", 0)


async def test_an_error_that_tells_too_much_is_seen(make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with met_by_faults(make_db, monkeypatch) as matrix:

        async def tells() -> Any:
            try:
                return await matrix.db.memories.get("m")
            except UnavailableError as error:
                raise UnavailableError(f"{SECRET} is down", detail=error.detail) from error

        with pytest.raises(AssertionError, match=SECRET):
            await struck(matrix, a_call(matrix.db, tells, writes=False), "disk full", 0)


async def test_a_write_that_is_run_again_and_must_not_be_is_seen(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        made_by(lambda: AsyncPostgresDb(db_url=postgres_url)) as give,
        met_by_faults(give, monkeypatch) as matrix,
    ):
        deletes = Call("approvals.delete", "approvals", True, False, lambda: {"approval_id": "a"}, matrix.db)
        await struck(matrix, deletes, "lost during", 0)  # it raises, and is not run again
        monkeypatch.setattr(SqlApprovalRepository, "idempotent", frozenset({"delete"}))
        matrix.db._statements._shapes.clear()
        with pytest.raises(AssertionError, match="False is not True"):
            await struck(matrix, deletes, "lost during", 0)
