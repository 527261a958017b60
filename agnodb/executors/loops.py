"""An engine for each event loop.

A connection belongs to the loop that opened it. agno's trace exporter and schedule manager run `asyncio.run` for
every call, so one database object meets many loops: each gets an engine of its own, and the engines of closed
loops are swept, because a closed loop can no longer close its connections and the server would keep them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import Dialect, NullPool, Pool, QueuePool, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only, greenlet_spawn

from agnodb.errors import WrongLoopError
from agnodb.executors.carrying import CarriedState
from agnodb.executors.lending import shut_down
from agnodb.executors.on_driver import ON_DRIVER, OnDriver
from agnodb.executors.states import give_up_dead_connections

T = TypeVar("T")

_WAY_OUT = (
    "The db_engine of this database belongs to an event loop that does not run. Pass db_url= instead, which gives"
    " every loop connections of its own, or `await engine.dispose()` at the end of the other loop."
)


class LoopState:
    """The engine of one loop. See `agnodb.executors.states.EngineState`."""

    def __init__(self, door: AsyncEngine, *, owned: bool) -> None:
        self.door, self.owned = door, owned
        self.engine = door.sync_engine
        self.on_driver: OnDriver | None = self.engine.get_execution_options().get(ON_DRIVER) if owned else None
        give_up_dead_connections(self.engine)
        self.boot = self.lock()
        self.beside: dict[Any, Any] = {}
        # aiosqlite's thread runs a statement to its end, whoever has stopped waiting for it.
        self._threaded = self.engine.dialect.driver == "aiosqlite"
        self._finishing: set[asyncio.Task[Any]] = set()  # a loop keeps only a weak reference to a task
        self._early: list[asyncio.Task[Any]] = []  # connections, or still handshakes, that nobody waits for
        self._opening: dict[Any, Any] = {}  # task -> the connection that it has opened but not yet set up
        self._connections: set[Any] = set()
        if owned:
            event.listen(self.engine, "do_connect", self._connect)
            event.listen(self.engine, "connect", self._opened, insert=True)
            event.listen(self.engine, "connect", self._set_up)
            event.listen(self.engine, "checkout", _check)
            event.listen(self.engine, "close", self._closed)
            event.listen(self.engine, "close_detached", self._closed)

    def _connect(self, dialect: Dialect, _record: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        """A new connection. When the caller is cancelled the handshake goes on, for the next one who needs one.

        Drivers leave half of it behind when it is interrupted; and callers with little time would keep a slow server
        busy with handshakes of which none is ever used.
        """
        task = self._early.pop() if self._early else self._start(greenlet_spawn(dialect.connect, *arguments, **named))
        try:
            return await_only(asyncio.shield(task))
        except asyncio.CancelledError:
            self._early.append(task)
            task.add_done_callback(self._forget_failed)
            raise

    def _forget_failed(self, task: asyncio.Task[Any]) -> None:
        if task in self._early and (task.cancelled() or task.exception() is not None):
            self._early.remove(task)

    def _opened(self, adapted: Any, _record: Any) -> None:
        self._opening[asyncio.current_task()] = adapted.driver_connection

    def _set_up(self, adapted: Any, _record: Any) -> None:
        del self._opening[asyncio.current_task()]
        self._connections.add(adapted.driver_connection)

    def _closed(self, adapted: Any, _record: Any = None) -> None:
        self._connections.discard(getattr(adapted, "driver_connection", None))

    def lock(self) -> asyncio.Lock:
        return asyncio.Lock()

    async def there(self, work: Callable[[], Awaitable[T]]) -> T:
        return await work()

    async def wait(self, work: Callable[..., T], *args: Any) -> T:
        if self._threaded:
            return await self._to_its_end(work, *args)
        try:
            return await greenlet_spawn(work, *args)
        except BaseException:
            # The pool forgets a connection whose setting up was interrupted.
            _close(self._opening.pop(asyncio.current_task(), None))
            raise

    async def _to_its_end(self, work: Callable[..., T], *args: Any) -> T:
        """As `wait`, for a driver in a thread. Left alone in the middle of a statement, it would keep the write lock
        for as long as anybody refers to the cursor: a traceback is enough."""
        task = self._start(greenlet_spawn(work, *args))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({task})
            task.exception()  # is not told to anybody
            raise

    async def finish(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.shield(self._start(greenlet_spawn(work, *args)))

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task: asyncio.Task[T]
        task = _Unbroken(work, loop=asyncio.get_running_loop()) if self._threaded else asyncio.ensure_future(work)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return task

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def dispose(self) -> None:
        """Close the connections, from the loop itself. An engine that is not ours stays as it is."""
        if self.owned:
            for task in self._early:
                task.add_done_callback(_close_unwanted)
            for connection in self._opening.values():
                _close(connection)
            await self.door.dispose()

    def let_go_of_files(self) -> None:
        """After a fork: close SQLite's files here.

        SQLite would believe that this process holds the parent's locks, and two writers would overwrite each other.
        """
        for connection in self._connections if self._threaded else ():
            with contextlib.suppress(Exception):  # an engine that is not ours may not let this thread
                connection._connection.close()

    def abandon(self) -> None:
        """Close the sockets and threads of a loop that can no longer do so."""
        if self.owned:
            early = filter(None, map(_result_of, self._early))
            for connection in (*self._connections, *self._opening.values(), *early):
                _abandon(connection)
            self.engine.dispose(close=False)


class LoopEngines:
    """`make` is called once for each loop that uses the database. Engines that are not `owned` are never closed.

    See `agnodb.executors.states.Engines`.
    """

    def __init__(self, make: Callable[[], AsyncEngine], *, owned: bool = True) -> None:
        self._make, self._owned = make, owned
        self._states: dict[asyncio.AbstractEventLoop, LoopState] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._lock, self._process = threading.Lock(), os.getpid()
        self._inherited: list[Any] = []
        if not owned:
            with contextlib.suppress(RuntimeError):  # no loop runs: the first one that uses it is the engine's
                self._states[asyncio.get_running_loop()] = LoopState(make(), owned=False)

    def current(self) -> LoopState | CarriedState:
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():
            self._forked()
        state = self._states.get(loop)
        if state is None:
            with self._lock:
                if carried := self._sweep():
                    return carried
                state = self._states[loop] = LoopState(self._make(), owned=self._owned)
        return state

    def _forked(self) -> None:
        """In a child, the connections are its parent's: they are kept, because what nobody refers to is closed."""
        self._process, self._lock = os.getpid(), threading.Lock()  # a thread of the parent may have held the old one
        inherited, self._states = self._states, {}
        self._inherited.append(inherited)
        for state in inherited.values():
            state.let_go_of_files()
            if not state.owned:
                self._inherited.append(state.engine.pool)
                state.engine.dispose(close=False)

    def _sweep(self) -> CarriedState | None:
        """Forget the engines of closed loops. What is returned goes before a new state."""
        for loop, state in list(self._states.items()):
            if not self._owned:
                # An engine that is not ours belongs to one loop for as long as that one runs, or left connections.
                if loop.is_running() and not isinstance(state.engine.pool, NullPool):
                    return CarriedState(state, loop, _WAY_OUT)
                if _holds_connections(state.engine.pool):
                    raise WrongLoopError(_WAY_OUT)
                del self._states[loop]
            elif loop.is_closed():
                self._states.pop(loop).abandon()
        return None

    async def close(self) -> None:
        running = asyncio.get_running_loop()
        with self._lock:
            states, self._states = self._states, {}
        for loop, state in states.items():
            if loop is running:
                await state.dispose()
            elif loop.is_closed():
                state.abandon()
            else:
                loop.call_soon_threadsafe(self._dispose_there, state)

    def _dispose_there(self, state: LoopState) -> None:
        task = asyncio.get_running_loop().create_task(state.dispose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Unbroken(asyncio.Task[Any]):
    """A task that nobody cancels, not even a loop that is about to close: it waits for this one to end instead."""

    def cancel(self, msg: Any | None = None) -> bool:
        return False


def _holds_connections(pool: Pool) -> bool:
    if isinstance(pool, QueuePool):
        return pool.checkedin() + pool.checkedout() > 0
    return not isinstance(pool, NullPool)


def _result_of(handshake: asyncio.Task[Any]) -> Any:
    """The connection, or None."""
    succeeded = handshake.done() and not handshake.cancelled() and handshake.exception() is None
    return handshake.result().driver_connection if succeeded else None


def _close_unwanted(handshake: asyncio.Task[Any]) -> None:
    _close(_result_of(handshake))


def _check(adapted: Any, _record: Any, _proxy: Any) -> None:
    """asyncpg has seen it when the server has closed an idle connection: to ask it is no round trip."""
    is_closed = getattr(adapted.driver_connection, "is_closed", None)
    if is_closed is not None and is_closed():
        raise InvalidatePoolError("the server has closed the connection")


def _close(connection: Any) -> None:
    """Close a connection at once, in its own loop."""
    terminate = getattr(connection, "terminate", None)  # asyncpg
    if terminate is not None:
        terminate()
    elif connection is not None:
        _abandon(connection)


def _abandon(connection: Any) -> None:
    """Close a connection from elsewhere: its loop does not run any more."""
    stop = getattr(connection, "stop", None)
    if callable(stop):  # aiosqlite: ends the connection's thread, which closes the file
        # In a thread of its own: it would make a future on the loop that runs here, which may be closed before it.
        stopper = threading.Thread(target=stop)
        stopper.start()
        stopper.join()
        return
    wire = getattr(connection, "pgconn", None)
    if wire is not None:  # psycopg
        wire.finish()
        return
    abandon = getattr(connection, "abandon", None)
    if abandon is not None:  # aiomysql
        abandon()
    transport = getattr(connection, "_transport", None)
    if transport is not None:  # asyncpg
        shut_down(transport)
