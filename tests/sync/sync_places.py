"""Where a test of the sync side keeps its data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from places import Place
from sqlalchemy import Engine, create_engine

from agnodb import MySQLDb, PostgresDb, SqliteDb

REPOSITORY = Path(__file__).parents[2]
SECONDS = 60.0
"""Nothing here takes that long: what does, hangs."""


class SyncPlace(Place):
    """A database, opened by the sync twins."""

    def ours(self, **arguments: Any) -> Any:
        """agnodb's database object."""
        if self.kind == "mysql":
            return MySQLDb(db_url=self.url, **{"db_schema": self.schema, **arguments})
        return (PostgresDb if self.kind == "postgresql" else SqliteDb)(db_url=self.url, **arguments)

    def on(self, engine: Engine) -> Any:
        """agnodb's database object on an engine of the application's own."""
        return (PostgresDb if self.kind == "postgresql" else SqliteDb)(db_engine=engine)

    def engine(self, **options: Any) -> Engine:
        """Such an engine."""
        return create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"), **options)


def in_threads(work: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each of `work` returns, all begun at once. Raises the first error, and when a thread does not end."""
    results: list[Any] = [None] * len(work)
    errors: list[BaseException] = []
    begin = threading.Barrier(len(work))

    def one(number: int) -> None:
        try:
            begin.wait(SECONDS)
            results[number] = work[number]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return results


def program(name: str, *arguments: str) -> tuple[Any, str]:
    """The JSON that a program of this folder prints, and its log. It is a process of its own, without a thread."""
    path = os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(name)), *arguments],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout), done.stderr
