"""Statements on a driver with asyncio, whose connections are in autocommit as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import Engine, exc

from agnodb.executors.lending import LendingPool, Lent
from agnodb.executors.on_driver import SQLITE_SAME, Compiled, OnDriver, failed
from agnodb.sql.executor import Row

if TYPE_CHECKING:
    from agnodb.executors.loops import LoopState
    from agnodb.executors.retries import Attempts


class OnAwaited(OnDriver):
    """The statements of one engine, whose pool has `size` connections of one event loop.

    Who must wait for one of them waits here, at most `patience` seconds, and has its turn: in the pool's own line a
    caller who gives a connection back and asks again goes before those who wait, and wakes them in vain.
    """

    awaits, checkouts = True, 1

    def __init__(self, size: int, patience: float) -> None:
        super().__init__()
        self._turns, self._patience = asyncio.Semaphore(size), patience

    async def run(
        self, state: LoopState, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        text, values = compiled.text, _in_order(compiled, parameters)
        if self._turns.locked():
            await self._turn()
        else:
            await self._turns.acquire()  # at once
        try:
            pool: LendingPool = state.engine.pool  # type: ignore[assignment]
            lent: Lent = pool.lend() or await state.wait(pool.lend_new, state.engine)
            attempts.sent = True
            try:
                rows = await self.fetch(lent.dbapi_connection, text, values)
            except GeneratorExit as gone:  # nobody may wait for anything any more
                pool.throw_away(lent, gone)
                raise
            except BaseException as error:
                await state.wait(_failed, state.engine, lent, (text, values), error, attempts)
                raise
            pool.give_back(lent)
        finally:
            self._turns.release()
        return rows if compiled.answers else ()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError as error:
            raise exc.TimeoutError(f"no connection was free for {self._patience} seconds") from error


class OnAsyncpg(OnAwaited):
    """Over a network. The driver keeps each text prepared."""

    def fetch(self, connection: Any, text: str, values: Any) -> Awaitable[Sequence[Row]]:
        rows: Awaitable[Sequence[Row]] = connection.driver_connection.fetch(text, *values)
        return rows


class OnAiosqlite(OnAwaited):
    """In the thread of a connection, which is asked once for each statement."""

    same, begins = SQLITE_SAME, 1

    def fetch(self, connection: Any, text: str, values: Any) -> Awaitable[Sequence[Row]]:
        driver = connection.driver_connection
        if driver.isolation_level is not None:  # SQLAlchemy's: the driver would begin a transaction of its own
            driver.isolation_level = None
        rows: Awaitable[Sequence[Row]] = driver.execute_fetchall(text, values)
        return rows


def _in_order(compiled: Compiled, parameters: Mapping[str, Any]) -> Sequence[Any]:
    given = {**compiled.fixed, **parameters} if compiled.fixed else parameters
    return [given[name] for name in compiled.names]


def _failed(
    engine: Engine, lent: Lent, statement: tuple[Any, Any], error: BaseException, attempts: Attempts
) -> NoReturn:
    pool: LendingPool = engine.pool  # type: ignore[assignment]
    pooled = pool.in_proxy(lent)
    try:
        pooled.dbapi_connection._handle_exception(error)  # SQLAlchemy's: raises it as the DBAPI has it
        raise error
    except BaseException as told:
        failed(engine, pooled, statement, told, attempts)
