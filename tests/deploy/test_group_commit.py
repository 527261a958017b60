"""Writes of one event loop to a file of SQLite that wait for each other share a transaction, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agnodb import AsyncSqliteDb, DuplicateKeyError
from agnodb.executors import group_commit, on_awaited
from agnodb.filters import Page
from agnodb.records import MemoryRecord
from agnodb.testing.conformance.approvals import an_approval

TEA = MemoryRecord(memory_id="m", memory="tea")
CALLERS = 16


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[AsyncSqliteDb]:
    async with AsyncSqliteDb(db_file=str(tmp_path / "a.db"), retry_timeout=0) as made:
        await made.create_tables()
        yield made


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many writes each shared transaction had."""
    found: list[int] = []

    def noted(connection: sqlite3.Connection, writes: Sequence[Any]) -> None:
        found.append(len(writes))
        group_commit.commit(connection, writes)

    monkeypatch.setattr(on_awaited, "commit", noted)
    return found


def saves(db: AsyncSqliteDb, count: int = CALLERS) -> list[Any]:
    return [db.memories.upsert(replace(TEA, memory_id=f"m{number}")) for number in range(count)]


async def stored(db: AsyncSqliteDb) -> int:
    return (await db.memories.page(Page(limit=1)))[1]


async def test_who_waits_is_taken_along(db: AsyncSqliteDb, groups: list[int]) -> None:
    answers = await asyncio.gather(*saves(db))
    assert [answer.memory_id for answer in answers] == [f"m{number}" for number in range(CALLERS)]
    assert groups == [CALLERS - 1]
    assert await stored(db) == CALLERS
    await db.memories.upsert(TEA)  # alone, in autocommit
    assert groups == [CALLERS - 1]


async def test_more_than_a_transaction_takes(db: AsyncSqliteDb, groups: list[int]) -> None:
    await asyncio.gather(*saves(db, 2 * group_commit.MOST))
    assert groups == [group_commit.MOST, group_commit.MOST - 1]
    assert await stored(db) == 2 * group_commit.MOST


async def test_one_that_fails_fails_alone(db: AsyncSqliteDb, groups: list[int]) -> None:
    await db.approvals.create(an_approval("taken"))
    made = [db.approvals.create(an_approval(name)) for name in ("a", "b", "taken", "c", "taken", "d")]
    answers = await asyncio.gather(*made, return_exceptions=True)
    assert [isinstance(answer, DuplicateKeyError) for answer in answers] == [False, False, True, False, True, False]
    assert (await db.approvals.page(Page()))[1] == 5
    assert groups == [5]


@pytest.mark.parametrize("number", range(4))
async def test_a_transaction_that_fails_has_stored_nothing(
    db: AsyncSqliteDb, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It fails at its beginning, at a statement which takes it along, at its commit, and with the connection."""
    tried: list[int] = []

    class Failing:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def execute(self, text: str, *values: Any) -> Any:
            tried.append(1)
            if len(tried) == (1, 3, CALLERS + 1, 5)[number]:
                if number == 1:
                    self._connection.rollback()
                if number == 3:
                    self._connection.close()
                else:
                    raise sqlite3.OperationalError("disk I/O error")
            return self._connection.execute(text, *values)

    def failing(connection: sqlite3.Connection, writes: Sequence[Any]) -> None:
        group_commit.commit(Failing(connection), writes)  # type: ignore[arg-type]

    monkeypatch.setattr(on_awaited, "commit", failing)
    answers = await asyncio.gather(*saves(db))
    assert len(answers) == CALLERS
    assert await stored(db) == CALLERS
    assert len(tried) < 2 * CALLERS  # once together, then each alone


async def test_whose_turn_it_is_may_be_cancelled(db: AsyncSqliteDb, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(connection: sqlite3.Connection, writes: Sequence[Any]) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(5)
        group_commit.commit(connection, writes)

    monkeypatch.setattr(on_awaited, "commit", slow)
    tasks = [asyncio.ensure_future(save) for save in saves(db)]
    await begun.wait()
    first, second, *rest = tasks
    await first
    for task in (second, rest[3]):  # whose turn it is, and one that it has taken along
        task.cancel()
    await asyncio.sleep(0.01)
    go_on.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers].count(True) == 2
    assert await stored(db) == CALLERS
    await asyncio.gather(*saves(db))


async def test_all_wait_while_another_process_writes(db: AsyncSqliteDb, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tasks = [asyncio.ensure_future(save) for save in saves(db)]
    await asyncio.sleep(2.5)  # longer than the driver waits, and a turn
    assert not any(task.done() for task in tasks)
    other.execute("COMMIT")
    other.close()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    assert await stored(db) == CALLERS
