"""What is tried again, and how long: decided by the error's code, never by its text."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from breaking import evaluation, memory
from sqlalchemy import exc

from agnodb import SqliteDb
from agnodb.errors import UnavailableError
from agnodb.executors.retries import Attempts

REFUSED = ("40001", "40P01", "25006", "53300", "57P03")
LOST = ("08000", "08003", "08006", "57P01", "57P02", "57P05")
FINAL = ("57014", "55P03", "53100", "53200", "58030", "40003", "57P04")


def again(
    idempotent: bool, *, sent: bool = True, lost: bool = False, cause: BaseException | None = None, **facts: Any
) -> bool:
    attempts = Attempts(5)
    attempts.sent, attempts.lost = sent, lost
    failure = UnavailableError(**facts)
    failure.__cause__ = cause
    return attempts.pause(failure, idempotent=idempotent) is not None


@pytest.mark.parametrize("sqlstate", REFUSED)
def test_what_was_refused_is_tried_again(sqlstate: str) -> None:
    assert again(True, sqlstate=sqlstate)
    assert again(False, sqlstate=sqlstate)


@pytest.mark.parametrize("sqlstate", LOST)
def test_what_may_have_happened_is_tried_again_only_if_that_is_harmless(sqlstate: str) -> None:
    assert again(True, sqlstate=sqlstate)
    assert not again(False, sqlstate=sqlstate)
    assert again(False, sqlstate=sqlstate, sent=False)


@pytest.mark.parametrize("sqlstate", FINAL)
def test_what_a_limit_or_a_fault_of_the_server_ended_is_not_tried_again(sqlstate: str) -> None:
    assert not again(True, sqlstate=sqlstate)


def test_connections() -> None:
    assert again(True, lost=True)
    assert not again(False, lost=True)
    assert again(False, sent=False)
    assert not again(True)  # the connection is fine: something else is wrong
    assert not again(True, sent=False, cause=exc.TimeoutError())  # the pool's own limit


@pytest.mark.parametrize("code", [5, 6, 261, 262, 517])
def test_sqlite_has_another_writer(code: int) -> None:
    assert again(False, sqlite_code=code)


@pytest.mark.parametrize("code", [8, 10, 13, 14])
def test_sqlite_cannot_go_on(code: int) -> None:
    assert not again(True, sqlite_code=code)


def test_it_ends_in_time() -> None:
    assert Attempts(0).pause(UnavailableError(sqlstate="40001"), idempotent=True) is None
    attempts, began, pauses = Attempts(0.4), time.monotonic(), 0
    while (pause := attempts.pause(UnavailableError(sqlstate="40001"), idempotent=True)) is not None:
        assert 0 <= pause <= 1
        pauses += 1
        time.sleep(pause)
    assert 0.4 <= time.monotonic() - began < 1.5
    assert pauses > 1


def test_no_insert_delete_or_claim_is_idempotent() -> None:
    """A new write is not, until somebody has thought about it and says so here."""
    said = {
        f"{kind.concept}.{name}"
        for kind in (type(made) for made in vars(SqliteDb(db_url="sqlite://")._core.repositories).values())
        for name in kind.idempotent
    }
    assert said == {
        "approvals.change", "eval_runs.change", "knowledge.upsert", "learnings.update", "learnings.upsert",
        "memories.upsert", "runs.save", "runs.upsert", "schedule_runs.change", "schedules.change",
        "schema_versions.set", "sessions.rename", "sessions.set_data", "spans.create", "traces.upsert",
    }  # fmt: skip


def test_a_sync_call_waits_for_the_writer_of_a_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    with SqliteDb(db_file=str(path)) as db:
        db.create_tables()
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        free = threading.Timer(1.2, lambda: other.execute("COMMIT"))
        free.start()
        db.eval_runs.create(evaluation("patient"))
        with db.transaction() as tx:
            tx.memories.upsert(memory(1))
        free.join()
        other.close()
        assert db.memories.get("m1") is not None
