"""The calls on PostgreSQL without an event loop: agno's PostgresDb, agnodb's, bare psycopg; a thread is a caller."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import psycopg
from agno.db.postgres import PostgresDb as AgnoDb
from psycopg.rows import dict_row

from agnodb import PostgresDb
from benchmarks import calls, statements
from benchmarks.backends import Postgres
from benchmarks.measure import Bench
from benchmarks.sides import BlockingFloor, Facade, Side, driver_url, opened


class PsycopgFloor(BlockingFloor):
    """psycopg prepares a statement the fifth time it is run."""

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(schema, statements.PSYCOPG, f"{schema}.")
        self._url = url

    def connect(self) -> Any:
        return psycopg.connect(self._url, autocommit=True, row_factory=dict_row)


class BlockingPostgres(Postgres):
    """PostgreSQL over psycopg."""

    def _opened(self, url: str) -> AbstractAsyncContextManager[list[Side]]:
        agnos = driver_url(url, "+psycopg")
        makers: dict[str, Callable[[], Side]] = {
            "agno": lambda: Facade("agno", "agno_side", AgnoDb(db_url=agnos, db_schema="agno_side"), blocking=True),
            "agnodb": lambda: Facade(
                "agnodb", "agnodb_side", PostgresDb(db_url=url, db_schema="agnodb_side"), blocking=True
            ),
            "floor": lambda: PsycopgFloor(url, "floor_side"),
        }
        return opened(makers, self.bench.only)

    def sides(self) -> AbstractAsyncContextManager[list[Side]]:
        return self._opened(self.bench.url)

    def counted_sides(self) -> AbstractAsyncContextManager[list[Side]]:
        return self._opened(self.bench.proxy.url(self.bench.url))


async def run(bench: Bench) -> None:
    await calls.measure(bench, BlockingPostgres(bench), ", psycopg")
