"""Statements on a driver with asyncio, whose connections are in autocommit as they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from sqlalchemy import Engine, Executable, exc
from sqlalchemy.util import await_only

from agnodb.executors.group_commit import MOST, Write, commit
from agnodb.executors.lending import LendingPool, Lent
from agnodb.executors.on_driver import MYSQL_SAME, SQLITE_SAME, Compiled, OnDriver, failed
from agnodb.executors.packets import Packet, Step, run_steps, sent
from agnodb.sql.executor import Answer, Row, Steps

if TYPE_CHECKING:
    from agnodb.executors.loops import LoopState
    from agnodb.executors.retries import Attempts

T = TypeVar("T")

log = logging.getLogger(__name__)


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
        statement = compiled.text, compiled.values(parameters)
        rows: Sequence[Row] = await self._lent(
            state, statement, attempts, lambda lent: self.fetch(lent.dbapi_connection, *statement)
        )
        return rows if compiled.answers else ()

    async def _lent(
        self, state: LoopState, statement: Any, attempts: Attempts, work: Callable[[Lent], Awaitable[T]]
    ) -> T:
        """What `work` gives, on a connection of its own; `statement` is for errors."""
        if self._turns.locked():
            await self._turn()
        else:
            await self._turns.acquire()  # at once
        try:
            pool: LendingPool = state.engine.pool  # type: ignore[assignment]
            lent: Lent = pool.lend() or await _lent_new(pool, state)
            attempts.sent = True
            try:
                made = await work(lent)
            except GeneratorExit as gone:  # nobody may wait for anything any more
                pool.throw_away(lent, gone)
                raise
            except BaseException as error:
                await state.wait(_failed, state.engine, lent, statement, error, attempts)
                raise
            pool.give_back(lent)
        finally:
            self._turns.release()
        return made

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
    """In the thread of a connection, which is asked once for each statement.

    Of the writers one is let to the file at a time: SQLite lets the others sleep, longer each time, and whoever comes
    at the right moment goes before them, so the slowest of 16 callers took a hundred times the median. Whose turn it is
    takes those along who wait, see `agnodb.executors.group_commit`. After `turn` seconds a writer asks all the same:
    then a transaction is open, and SQLite says more.
    """

    same, begins = SQLITE_SAME, 1

    def __init__(self, size: int, patience: float, turn: float) -> None:
        super().__init__(size, patience)
        self._writer, self.turn = asyncio.Lock(), turn
        self._waiting: list[Write] = []

    async def run(
        self, state: LoopState, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        if not compiled.writes:
            return await super().run(state, compiled, parameters, attempts)
        if not (self._waiting or self._writer.locked()):
            async with self._writer:  # at once
                return await super().run(state, compiled, parameters, attempts)
        write, held = Write(compiled.text, compiled.values(parameters)), False
        self._waiting.append(write)
        try:
            held = await self._may_write(write)
            if held and write.rows is None and not write.alone:
                await self._together(state, write, attempts)
            self._waiting.remove(write)
            if write.rows is None:
                return await super().run(state, compiled, parameters, attempts)
            return write.rows if compiled.answers else ()
        finally:
            if write in self._waiting:
                self._waiting.remove(write)
            if held:
                self._writer.release()

    async def _may_write(self, write: Write) -> bool:
        """Whether it is this writer's turn; it tries without one after a while, unless somebody is at it."""
        try:
            async with asyncio.timeout(self.turn):
                return await self._writer.acquire()
        except TimeoutError:
            return write.taken and await self._writer.acquire()

    async def _together(self, state: LoopState, first: Write, attempts: Attempts) -> None:
        """Store `first` and those that wait, if there are any, or nothing."""
        others = [write for write in self._waiting if write is not first and write.rows is None and not write.alone]
        writes = [first, *others[: MOST - 1]]
        if len(writes) == 1:
            return
        for write in writes:
            write.taken = True
        try:
            await self._lent(state, (None, None), attempts, lambda lent: state.wait(_commit, lent, writes))
        except Exception as error:  # each is told when it is run alone
            log.debug("%d writes are run one by one: %s", len(writes), type(error).__name__)
        finally:
            for write in writes:
                write.taken, write.alone = False, write.rows is None

    def fetch(self, connection: Any, text: str, values: Any) -> Awaitable[Sequence[Row]]:
        driver = connection.driver_connection
        if driver.isolation_level is not None:  # SQLAlchemy's: the driver would begin a transaction of its own
            driver.isolation_level = None
        rows: Awaitable[Sequence[Row]] = driver.execute_fetchall(text, values)
        return rows


class OnAiomysql(OnAwaited):
    """Over a network. Its connections are in autocommit from their beginning, see `agnodb.mysql_drivers`."""

    same, packets = MYSQL_SAME, True

    def __init__(self, size: int, patience: float) -> None:
        super().__init__(size, patience)
        self.steps: dict[Executable, Step] = {}

    async def fetch(self, connection: Any, text: str, values: Any) -> Sequence[Row]:
        driver = connection.driver_connection
        (answer,) = await driver.ask(text % tuple([driver.escape(value) for value in values]))
        rows: Sequence[Row] = answer.rows
        return rows

    async def run_steps(
        self, state: LoopState, steps: Steps, parameters: Mapping[str, Any], attempts: Attempts
    ) -> tuple[Sequence[Row], int]:
        def in_packets(lent: Lent) -> Awaitable[tuple[Sequence[Row], int]]:
            given = (self, state.engine, lent.dbapi_connection, steps, parameters, attempts)
            return state.wait(run_steps, *given)

        return await self._lent(state, (None, None), attempts, in_packets)

    def send(self, connection: Any, packet: Packet, last: bool) -> Sequence[Answer]:
        """See `agnodb.executors.packets.Sender`."""
        answers: Sequence[Answer] = await_only(self._sent(connection.driver_connection, packet))
        return answers

    async def _sent(self, connection: Any, packet: Packet) -> Sequence[Answer]:
        async def ask_many(text: str, parameters: Sequence[Mapping[str, Any]]) -> Answer:
            async with connection.cursor() as cursor:
                await cursor.executemany(text, parameters)
                return Answer((), cursor.rowcount)

        return await sent(packet, connection.ask, ask_many)


def _commit(lent: Lent, writes: Sequence[Write]) -> None:
    driver = lent.driver_connection
    await_only(driver._execute(commit, driver._conn, writes))  # one hop to its thread, whatever there is to do


async def _lent_new(pool: LendingPool, state: LoopState) -> Lent:
    """Where a wait goes to its end though its caller was cancelled, it ends with a connection that nobody takes."""
    lent: list[Lent] = []
    try:
        await state.wait(lambda: lent.append(pool.lend_new(state.engine)))
    except BaseException:
        for unwanted in lent:
            pool.give_back(unwanted)
        raise
    return lent[0]


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
