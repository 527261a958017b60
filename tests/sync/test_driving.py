"""Every method of the sync side runs to its end without an event loop, wherever it is called."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from calls import OF_THE_OBJECT, fill, public_methods, repository_classes, sync_calls
from sync_places import REPOSITORY, SyncPlace, in_threads

import agnodb
from agnodb import PostgresDb, SqliteDb
from agnodb.agno.served import family_of
from agnodb.contracts.repositories import Repositories
from agnodb.databases.driving import drive
from agnodb.databases.handles import Handle
from agnodb.databases.methods.all import AllMethods
from agnodb.databases.sync_methods import SyncMethods
from agnodb.databases.sync_sql import SyncSqlDatabase
from agnodb.errors import AgnoDbError
from agnodb.testing.conformance.calls import Sample
from agnodb.testing.conformance.sessions import a_session

CALLERS = 16


def finished(name: str, call: Callable[[], Any]) -> Any:
    """What the call returns. Raises an AssertionError with its name."""
    try:
        result = call()
    except Exception as error:
        raise AssertionError(f"{name}: {error!r} {getattr(error, 'detail', '')}") from error
    assert not inspect.isawaitable(result), name
    return result


def test_nothing_is_left_out_of_the_walk(db: Any) -> None:
    names = [name for name, _ in sync_calls(db, Sample())]
    asynchronous = {name for name, _ in inspect.getmembers(AllMethods, inspect.iscoroutinefunction) if name[0] != "_"}
    assert asynchronous == {*public_methods(SyncMethods)} < {*names}
    concepts = {name for name, member in vars(Repositories).items() if isinstance(member, property)}
    assert {name.partition(".")[0] for name in names if "." in name} == concepts == {*vars(db.repositories)}
    assert len(repository_classes()) == len(concepts)
    assert all(getattr(db, concept).get for concept in concepts - {"metrics"})
    own = {*public_methods(Handle)} | {*public_methods(SyncSqlDatabase)} | {*public_methods(type(db))}
    own = {name for name in own if family_of(name) is None}  # what agno's adapter serves is not driven
    assert own == {*OF_THE_OBJECT, "transaction", "close"}
    assert len(names) > 150


def test_every_method_runs_outside_a_loop(db: Any) -> None:
    sample = Sample()
    fill(db, sample)
    for name, call in sync_calls(db, sample):
        finished(name, call)
    assert db.db_engine.pool.checkedout() == 0


async def test_every_method_runs_inside_a_running_loop(db: Any) -> None:
    """It blocks the loop, as any blocking call does; nothing else runs meanwhile."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    await asyncio.sleep(0)
    before = turns
    sample = Sample()
    fill(db, sample)
    for name, call in sync_calls(db, sample):
        finished(name, call)
    assert turns == before
    other.cancel()


def test_every_method_runs_from_16_threads_on_two_connections(place: SyncPlace) -> None:
    """The threads share one new instance, whose first call makes the tables; each takes every fourth method."""
    engine = place.engine(pool_size=2, max_overflow=0, pool_timeout=50)
    with place.on(engine) as db:

        def caller(number: int) -> Callable[[], int]:
            def work() -> int:
                sample = Sample(f"{number}-")
                fill(db, sample)
                calls = list(sync_calls(db, sample))[number % 4 :: 4]
                for name, call in calls:
                    finished(name, call)
                return len(calls)

            return work

        done = in_threads([caller(number) for number in range(CALLERS)])
        assert sum(done) == CALLERS // 4 * len(list(sync_calls(db, Sample())))
        assert engine.pool.checkedout() == 0
    engine.dispose()


def test_a_coroutine_that_waits_is_closed_and_raises() -> None:
    closed = []

    async def waits() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            closed.append(True)

    with pytest.raises(AgnoDbError) as raised:
        drive(waits())
    assert closed == [True]
    assert "waits" in str(raised.value.detail)
    assert "waits" not in str(raised.value), "the text is for end users"


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_waiting_inside_a_transaction_gives_the_connection_back(db: Any, in_a_loop: bool) -> None:
    async def waits() -> None:
        async with db._core.transaction() as tx:
            await tx.sessions.upsert(a_session())
            await asyncio.sleep(0)

    async def looping() -> None:
        drive(waits())

    with pytest.raises(AgnoDbError, match=r".") as raised:
        asyncio.run(looping()) if in_a_loop else drive(waits())
    assert type(raised.value) is AgnoDbError
    assert db.db_engine.pool.checkedout() == 0
    assert db.sessions.get("s") is None
    db.sessions.upsert(a_session())


def test_errors_and_results_pass_through_unchanged(db: Any) -> None:
    error = LookupError("the application's own")
    with pytest.raises(LookupError) as raised, db.transaction() as tx:
        tx.sessions.upsert(a_session())
        raise error
    assert raised.value is error
    assert db.sessions.get("s") is None
    with pytest.raises(TypeError, match="unexpected keyword"):
        db.get_session("s", no_such_argument=1)
    with pytest.raises(TypeError, match="missing"):
        db.sessions.get()
    assert db.db_engine.pool.checkedout() == 0


def test_the_twins_are_named_among_the_public_names() -> None:
    assert {"PostgresDb", "SqliteDb"} <= {*agnodb.__all__}
    assert (PostgresDb.__qualname__, SqliteDb.__qualname__) == ("PostgresDb", "SqliteDb")


def lines_of(path: str, *classes: type) -> int:
    """The lines of a file, or of these classes in it."""
    if not classes:
        return len(Path(REPOSITORY, path).read_text(encoding="utf-8").splitlines())
    return sum(len(inspect.getsource(cls).splitlines()) for cls in classes)


def test_the_sync_side_is_small() -> None:
    files = ("databases/driving.py", "databases/sync_methods.py", "databases/sync_sql.py", "executors/blocking.py")
    lines = {file: lines_of(f"agnodb/{file}") for file in files}
    for cls in (PostgresDb, SqliteDb):
        lines[cls.__qualname__] = lines_of("", cls)
    assert sum(lines.values()) < 500, lines
