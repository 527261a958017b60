"""What breaks databases under test, and what counts the damage."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg

from agnodb import AsyncPostgresDb
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.memories import MemoryRecord

DRIVERS = ("asyncpg", "psycopg")


def database(url: str, driver: str, **arguments: Any) -> AsyncPostgresDb:
    """An async database at `url` over `driver`."""
    return AsyncPostgresDb(db_url=url.replace("postgresql://", f"postgresql+{driver}://", 1), **arguments)


def memory(number: int, text: str = "tea") -> MemoryRecord:
    """For an upsert, which is idempotent."""
    return MemoryRecord(memory_id=f"m{number}", memory=text, user_id="alice")


def evaluation(name: object) -> EvalRunRecord:
    """For an insert, which is not."""
    return EvalRunRecord(run_id=str(name), eval_type="accuracy", eval_data={"score": 1})


class Server:
    """The server's own view of the database at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextlib.contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            yield connection

    def connections(self, state: str = "%") -> int:
        """How many others are connected to the database, in a state like `state`."""
        others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        with self._connected() as connection:
            found = connection.execute(
                f"SELECT count(*) FROM pg_stat_activity WHERE {others} AND state LIKE %s", [state]
            )
            return int(found.fetchall()[0][0])

    def kill_connections(self) -> int:
        """End every other connection to the database; how many there were."""
        others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        with self._connected() as connection:
            return len(
                connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}").fetchall()
            )

    def ids(self, table: str, key: str) -> set[str]:
        """The keys of all rows of a table in agno's schema."""
        with self._connected() as connection:
            return {row[0] for row in connection.execute(f"SELECT {key} FROM ai.{table}").fetchall()}
