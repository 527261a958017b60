"""`on_write_failed` under agno's own agents, and the recipe that loses no write in an outage."""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from agents import helper
from agno.run.base import RunStatus
from agno.session import AgentSession
from places import Place
from sqlalchemy import event

from agnodb import AsyncSqliteDb, SqliteDb, WriteFailure
from agnodb.databases.methods.all import AllMethods
from agnodb.databases.sync_methods import SyncMethods
from agnodb.databases.write_failures import _inside
from agnodb.demo.model import OfflineModel
from agnodb.errors import ConfigurationError, OwnershipError, UnavailableError

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "tests" / "sync"), str(ROOT / "docs" / "recipes")]

DeadLetters: Any = importlib.import_module("failed_writes").DeadLetters
SyncPlace: Any = importlib.import_module("sync_places").SyncPlace

ALICE = {"session_id": "s", "user_id": "alice"}
SAVES = ["upsert_session", "upsert_run", "update_approval_run_status"]
"""What agno writes at the end of a run."""
READS = {
    "get_all_memory_topics", "get_approval", "get_approvals", "get_eval_run", "get_eval_runs", "get_knowledge_content",
    "get_knowledge_contents", "get_latest_schedule_runs", "get_latest_schema_version", "get_learning",
    "get_learning_by_id", "get_learnings", "get_learnings_user_stats", "get_metrics", "get_pending_approval_count",
    "get_run", "get_runs", "get_schedule", "get_schedule_by_name", "get_schedule_run", "get_schedule_runs",
    "get_schedules", "get_session", "get_sessions", "get_span", "get_span_stats", "get_spans", "get_trace",
    "get_trace_stats", "get_traces", "get_user_memories", "get_user_memory", "get_user_memory_stats", "list_learnings",
    "search_learnings",
}  # fmt: skip


class Outage:
    """Refuses every statement of a database, from `begin` to `end`."""

    def __init__(self, db: Any) -> None:
        self._engine = getattr(db, "_core", db).engine

    def begin(self) -> None:
        event.listen(self._engine, "before_cursor_execute", self._refuse)

    def end(self) -> None:
        event.remove(self._engine, "before_cursor_execute", self._refuse)

    def _refuse(self, *_statement: Any) -> None:
        raise ConnectionResetError("the connection was reset")


@dataclass
class Slow(OfflineModel):
    """While it thinks, the outage begins."""

    outage: Outage | None = None

    def _chunks(self, *given: Any) -> Any:
        if self.outage is not None:
            self.outage.begin()
        return super()._chunks(*given)


def test_every_flat_method_writes_unless_it_is_known_to_read() -> None:
    """On both sides: what tells of a failure is one function for all."""
    methods = {n: m for n, m in inspect.getmembers(AllMethods, inspect.iscoroutinefunction) if not n.startswith("_")}
    told = {name for name, method in methods.items() if method.__code__.co_name == "write"}
    assert {*methods} - told == READS
    assert {*methods} <= {*dir(SyncMethods)}


async def test_no_run_of_an_outage_is_lost(place: Place) -> None:
    """The save inside `arun()` fails, agno says COMPLETED, and the letters bring it."""
    letters = DeadLetters()
    async with place.ours(on_write_failed=letters.keep, retry_timeout=0) as db:
        await helper(db, session_state={"cart": ["tea"]}).arun("my name is alice", **ALICE)
        outage = Outage(db)
        answer = await helper(db, model=Slow(outage=outage)).arun("I like tea", **ALICE)
        assert answer.status is RunStatus.completed
        assert [letter.method for letter in letters.waiting] == SAVES
        with pytest.raises(UnavailableError):
            await letters.replay(db)
        assert [letter.method for letter in letters.waiting] == SAVES
        outage.end()
        assert len(place.rows("agno_runs")) == 1
        again = [*letters.waiting]
        assert await letters.replay(db) == len(SAVES)
        assert not letters.waiting
        await _all_is_there(db)
        before = (await db.get_session("s")).session_data
        letters.waiting.extend(again)  # delivered twice
        await letters.replay(db)
        await _all_is_there(db)
        assert (await db.get_session("s")).session_data == before
        assert "my name is alice / I like tea" in str((await helper(db).arun("what did I say?", **ALICE)).content)


async def _all_is_there(db: Any) -> None:
    session = await db.get_session("s")
    assert [run.input.input_content for run in session.runs] == ["my name is alice", "I like tea"]
    assert session.session_data["session_state"] == {"cart": ["tea"]}
    tokens = sum(run.metrics.total_tokens for run in session.runs)
    assert session.session_data["session_metrics"]["total_tokens"] == tokens


def test_nor_is_one_without_an_event_loop(place: Place) -> None:
    failures: list[WriteFailure] = []
    with SyncPlace(place.kind, place.url).ours(on_write_failed=failures.append, retry_timeout=0) as db:
        helper(db).run("my name is alice", **ALICE)
        outage = Outage(db)
        assert helper(db, model=Slow(outage=outage)).run("I like tea", **ALICE).status is RunStatus.completed
        outage.end()
        assert [failure.method for failure in failures] == SAVES
        for failure in failures:
            getattr(db, failure.method)(**failure.arguments)
        assert [run.input.input_content for run in db.get_session("s").runs] == ["my name is alice", "I like tea"]


def _of(user: str) -> AgentSession:
    return AgentSession(session_id="s", agent_id="a", user_id=user)


async def test_a_hook_may_be_a_coroutine_function(tmp_path: Path) -> None:
    """The method waits for it, and it may use the database itself: what it cannot write is told to it alone."""
    told: list[str] = []

    async def hook(failure: WriteFailure) -> None:
        told.append(failure.method)
        await asyncio.sleep(0)
        with pytest.raises(OwnershipError):
            await db.upsert_session(_of("eve"))
        await db.upsert_session(AgentSession(session_id="kept", agent_id="a", user_id="bob"))

    db = AsyncSqliteDb(db_file=str(tmp_path / "x.db"), on_write_failed=hook)
    async with db:
        await db.upsert_session(_of("alice"))
        for _ in range(2):
            with pytest.raises(OwnershipError):
                await db.upsert_session(_of("bob"))
        assert told == ["upsert_session"] * 2
        assert await db.get_session("kept") is not None


async def test_whoever_is_cancelled_is_not_told(tmp_path: Path) -> None:
    failures: list[WriteFailure] = []
    async with AsyncSqliteDb(db_file=str(tmp_path / "x.db"), on_write_failed=failures.append) as db:
        await db.create_tables()
        task = asyncio.create_task(db.upsert_session(_of("alice")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not failures


async def test_a_letter_waits_until_it_is_known_what_became_of_it(tmp_path: Path) -> None:
    letters = DeadLetters()
    async with AsyncSqliteDb(db_file=str(tmp_path / "x.db"), on_write_failed=letters.keep, retry_timeout=0) as db:
        await db.create_tables()
        outage = Outage(db)
        outage.begin()
        for session_id in ("one", "two"):
            with pytest.raises(UnavailableError):
                await db.upsert_session(AgentSession(session_id=session_id, user_id="alice", session_data={}))
        waiting = [*letters.waiting]
        with pytest.raises(UnavailableError):
            await letters.replay(db)
        with pytest.raises(UnavailableError):  # from a task that a hook has started: it is not told
            await asyncio.create_task(letters.replay(db), context=_inside_a_hook())
        assert [*letters.waiting] == waiting
        outage.end()
        replay = asyncio.create_task(letters.replay(db))
        await asyncio.sleep(0)
        replay.cancel()
        with pytest.raises(asyncio.CancelledError):
            await replay
        assert [*letters.waiting] == waiting
        assert await letters.replay(db) == 2
        assert not letters.waiting
        assert await db.get_session("two") is not None


def _inside_a_hook() -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(_inside.set, True)
    return context


def test_a_sync_database_takes_no_hook_that_needs_a_loop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def hook(_failure: WriteFailure) -> None:
        raise AssertionError("nobody can run it")

    with pytest.raises(ConfigurationError, match="plain function"):
        SqliteDb(db_file=str(tmp_path / "x.db"), on_write_failed=hook)
    with SqliteDb(db_file=str(tmp_path / "x.db"), on_write_failed=lambda failure: hook(failure)) as db:
        db.upsert_session(_of("alice"))
        with pytest.raises(OwnershipError):
            db.upsert_session(_of("bob"))
    assert [r.error for r in caplog.records if getattr(r, "event", "") == "hook_failed"] == ["ConfigurationError"]  # type: ignore[attr-defined]
