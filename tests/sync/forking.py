"""A program that forks: `python forking.py URL` prints what each scenario left behind, as JSON. See `test_fork.py`."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, create_engine

from agnodb import PostgresDb, SqliteDb
from agnodb.testing.conformance.approvals import an_approval
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session

RUNS = 3


@dataclass(frozen=True)
class Home:
    """A database of a scenario's own: a schema, or a file."""

    url: str
    schema: str | None = None

    @classmethod
    def of(cls, scenario: str, url: str) -> Home:
        return cls(url, scenario) if url.startswith("postgresql") else cls(f"{url}.{scenario}")

    def opened(self) -> Any:
        """A database object."""
        return SqliteDb(db_url=self.url) if self.schema is None else PostgresDb(db_url=self.url, db_schema=self.schema)

    def on(self, engine: Engine) -> Any:
        """A database object on an engine of the application's own."""
        if self.schema is None:
            return SqliteDb(db_engine=engine)
        return PostgresDb(db_engine=engine, db_schema=self.schema)


def write(db: Any, writer: str) -> None:
    """Add runs to the session of everybody, and read them."""
    for n in range(RUNS):
        db.runs.upsert(a_run(f"{writer}{n}"))
        assert db.runs.get(f"{writer}{n}") is not None


def forked(work: Callable[[], Any]) -> int:
    """The id of a child that does `work` and ends: with 1 if that raises."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def ended(*children: int) -> None:
    """Wait for children. Raises when one of them failed."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0] * len(children), codes


def both_go_on(home: Home) -> None:
    """Used, forked: child and parent write at the same time, and the parent once more when the child is gone."""
    db = home.opened()
    db.sessions.upsert(a_session())
    child = forked(lambda: write(db, "child"))
    write(db, "parent")
    ended(child)
    write(db, "later")


def prefork(home: Home) -> None:
    """A master that has used its database forks workers, which have threads; a grandchild is forked from a child."""
    db = home.opened()
    db.sessions.upsert(a_session())

    def worker(number: int) -> None:
        threads = [threading.Thread(target=write, args=(db, f"{number}-{n}-")) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ended(forked(lambda: write(db, f"{number}-grandchild-")))

    children = [forked(lambda number=number: worker(number)) for number in range(4)]
    write(db, "master")
    ended(*children)


def before_use(home: Home) -> None:
    """Workers that are forked before the first use make the tables, all at once."""
    db = home.opened()

    def worker(number: int) -> None:
        db.sessions.insert_if_absent(a_session())
        write(db, f"{number}-")

    ended(*[forked(lambda number=number: worker(number)) for number in range(4)])
    write(db, "master")


def inside_a_transaction(home: Home) -> None:
    """A thread of the parent is inside a transaction meanwhile: the child does not get into it."""
    db = home.opened()
    db.sessions.upsert(a_session())
    inside, go_on = threading.Event(), threading.Event()

    def transaction() -> None:
        with db.transaction() as tx:
            tx.sessions.get("s")
            if home.schema:  # on SQLite, the child could not write meanwhile
                tx.memories.clear()
            inside.set()
            go_on.wait()
            tx.runs.upsert(a_run("transaction"))

    thread = threading.Thread(target=transaction)
    thread.start()
    inside.wait()

    def child() -> None:
        assert db.runs.get("transaction") is None
        if home.schema:
            write(db, "child")

    ended(forked(child))
    go_on.set()
    thread.join()
    assert db.runs.get("transaction") is not None


def the_child_closes(home: Home) -> None:
    """A worker that ends in an orderly way, whether it has used the database or not, is no harm to the others."""
    db = home.opened()
    db.sessions.upsert(a_session())
    ended(forked(db.close))
    db.approvals.create(an_approval())  # an upsert would be tried again on a new connection
    with db.transaction() as tx:
        tx.sessions.get("s")
        ended(forked(db.close))
        tx.runs.upsert(a_run("transaction"))
    write(db, "parent")

    def uses_and_closes() -> None:
        write(db, "child")
        db.close()

    ended(forked(uses_and_closes))
    write(db, "later")


def the_parent_closes(home: Home) -> None:
    """A master that has closed its database leaves the workers theirs: what they write is not lost, nor what others do.

    SQLite's locks are a process's own, but its memory of them is inherited.
    """
    db = home.opened()
    db.sessions.upsert(a_session())
    read, write_end = os.pipe()

    def worker(number: int) -> None:
        os.read(read, 1)
        write(db, f"{number}-")

    children = [forked(lambda number=number: worker(number)) for number in range(3)]
    db.close()
    os.write(write_end, b"xxx")
    with home.opened() as other:
        write(other, "other")
    ended(*children)


def an_engine_of_ones_own(home: Home) -> None:
    """As `both_go_on`, on an engine that was passed in."""
    db = home.on(create_engine(home.url.replace("postgresql:", "postgresql+psycopg:")))
    db.sessions.upsert(a_session())
    child = forked(lambda: write(db, "child"))
    write(db, "parent")
    ended(child)
    write(db, "later")


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        both_go_on, prefork, before_use, inside_a_transaction, the_child_closes, the_parent_closes,
        an_engine_of_ones_own,
    )
}  # fmt: skip


def left_by(scenario: str, url: str) -> dict[str, int]:
    """Run id -> its place, after a scenario that ran in a process of its own."""
    home = Home.of(scenario, url)
    ended(forked(lambda: SCENARIOS[scenario](home)))
    with home.opened() as fresh:
        rows, _ = fresh.get_runs(session_id="s", deserialize=False)
    return {row["run_id"]: row["run_index"] for row in rows}


def main(url: str) -> None:
    found: dict[str, Any] = {}
    for scenario in SCENARIOS:
        sys.stderr.write(f"{scenario}\n")
        sys.stderr.flush()
        try:
            found[scenario] = left_by(scenario, url)
        except Exception as error:
            found[scenario] = repr(error)
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
