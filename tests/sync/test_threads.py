"""Many threads and processes on one database: every write counts, and the first use is a race that nobody loses."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from agno.run.agent import RunOutput
from agno.session import AgentSession
from booting import PROCESSES
from sync_places import SyncPlace, in_threads, program

from agnodb.errors import AgnoDbError
from agnodb.filters import Page
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session

THREADS = 16
EACH = 5


def each(work: Callable[[int], Any]) -> list[Any]:
    """What `work` returns in each thread, by number."""
    return in_threads([lambda number=number: work(number) for number in range(THREADS)])


def test_runs_of_one_session_get_distinct_places(db: Any) -> None:
    db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="alice"))

    def write(thread: int) -> None:
        for n in range(EACH):
            db.upsert_run(RunOutput(run_id=f"{thread}-{n}", agent_id="a", content=f"{thread} {n}"), "s", "alice")

    each(write)
    rows, total = db.get_runs(session_id="s", deserialize=False)
    assert total == THREADS * EACH
    assert [row["run_index"] for row in rows] == list(range(total))
    of_thread = [[row["run_id"] for row in rows if row["run_id"].startswith(f"{t}-")] for t in range(THREADS)]
    assert of_thread == [[f"{t}-{n}" for n in range(EACH)] for t in range(THREADS)], "a thread's own order is lost"
    assert [run.run_id for run in db.get_session("s").runs] == [row["run_id"] for row in rows]


def test_no_write_is_lost(db: Any) -> None:
    db.sessions.upsert(a_session())
    db.runs.upsert(a_run(run_data={"n": 0}))

    def write(thread: int) -> None:
        for n in range(EACH):
            db.sessions.upsert(a_session(f"{thread}-{n}", session_data={"n": n}))
            assert db.sessions.get(f"{thread}-{n}").session_data == {"n": n}
            assert db.runs.patch("r", "s", lambda run: {"run_data": {"n": run.run_data["n"] + 1}})

    each(write)
    assert db.runs.get("r").run_data == {"n": THREADS * EACH}
    assert db.sessions.page(Page(limit=1))[1] == THREADS * EACH + 1


def test_transactions_of_many_threads_are_apart(db: Any) -> None:
    """Every second one fails, and leaves nothing behind."""
    db.sessions.upsert(a_session())

    def write(thread: int) -> None:
        for n in range(EACH):
            try:
                with db.transaction() as tx:
                    tx.runs.upsert(a_run(f"{thread}-{n}"))
                    tx.sessions.upsert(a_session(f"{thread}-{n}"))
                    if n % 2:
                        raise LookupError
            except LookupError:
                pass

    each(write)
    kept = {f"{thread}-{n}" for thread in range(THREADS) for n in range(0, EACH, 2)}
    runs, _ = db.runs.page(Page(), session_id="s")
    assert {run.run_id for run in runs} == kept
    assert sorted(run.run_index for run in runs) == list(range(len(kept)))
    assert {session.session_id for session in db.sessions.page(Page())[0]} == kept | {"s"}


def test_one_claim_wins(db: Any) -> None:
    for n in range(4):
        name = {"id": str(n), "name": str(n), "endpoint": "/x", "cron_expr": "* * * * *", "next_run_at": 1}
        db.create_schedule(name)
    claims = [claim["id"] for claim in each(lambda n: db.claim_due_schedule(f"w{n}")) if claim]
    assert sorted(claims) == ["0", "1", "2", "3"]


def test_threads_come_and_go(db: Any) -> None:
    """Threads that have ended leave no connection behind them."""
    before = threading.active_count()
    for _ in range(3):
        each(lambda n: db.sessions.upsert(a_session(str(n))))
    assert db.db_engine.pool.checkedout() == 0
    assert db.db_engine.pool.checkedin() <= 15
    assert threading.active_count() - before < THREADS


def test_the_first_use_of_an_empty_database_by_16_threads_with_one_instance(db: Any) -> None:
    each(lambda n: db.sessions.upsert(a_session(str(n))))
    assert db.sessions.page(Page(limit=1))[1] == THREADS


def test_the_first_use_of_an_empty_database_by_16_instances(place: SyncPlace) -> None:
    databases = [place.ours() for _ in range(THREADS)]
    each(lambda n: databases[n].sessions.upsert(a_session(str(n))))
    assert databases[0].sessions.page(Page(limit=1))[1] == THREADS
    for database in databases:
        database.close()


def test_the_first_use_of_an_empty_database_by_8_processes(place: SyncPlace) -> None:
    found, said = program("booting.py", place.url)
    assert found["failed"] == 0, said
    with place.ours() as db:
        runs, total = db.runs.page(Page(), session_id="s")
        assert total == PROCESSES
        assert sorted(run.run_index for run in runs) == list(range(PROCESSES))


def test_new_sqlite_files_are_opened_by_many_at_once(tmp_path: Any) -> None:
    """The switch to a write-ahead log does not wait for others by itself: more than one race shows it."""
    for race in range(12):
        place = SyncPlace("sqlite", f"sqlite:///{tmp_path}/{race}.db")
        databases = [place.ours() for _ in range(4)]
        in_threads([lambda db=db: db.sessions.get("s") for db in databases])
        assert place.query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        for database in databases:
            database.close()


def test_closing_under_way_raises_and_hangs_nobody(place: SyncPlace) -> None:
    db = place.ours()
    db.sessions.upsert(a_session())

    def work(thread: int) -> str:
        if thread == 0:
            db.close()
            return "closed"
        try:
            for _ in range(200):
                db.sessions.get("s")
        except (AgnoDbError, sqlite3.Error) as error:
            return type(error).__name__
        return "done"

    assert {*each(work)} <= {"closed", "done", "ConfigurationError"}
