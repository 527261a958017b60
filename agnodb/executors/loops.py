"""An engine for each event loop.

A connection belongs to the loop that opened it. agno's trace exporter and schedule manager run `asyncio.run` for
every call, so one database object meets many loops: each gets an engine of its own, and the engines of closed
loops are swept, because a closed loop can no longer close its connections and the server would keep them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

T = TypeVar("T")


class LoopState:
    """The engine of one loop. See `agnodb.executors.states.EngineState`."""

    def __init__(self, door: AsyncEngine, *, owned: bool) -> None:
        self.door, self.owned = door, owned
        self.engine = door.sync_engine
        self.autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.boot = asyncio.Lock()
        self._connections: set[Any] = set()
        if owned:
            event.listen(self.engine, "connect", self._opened)
            event.listen(self.engine, "close", self._closed)
            event.listen(self.engine, "close_detached", self._closed)

    def _opened(self, adapted: Any, _record: Any) -> None:
        self._connections.add(adapted.driver_connection)

    def _closed(self, adapted: Any, _record: Any = None) -> None:
        self._connections.discard(getattr(adapted, "driver_connection", None))

    async def wait(self, work: Callable[..., T], *args: Any) -> T:
        return await greenlet_spawn(work, *args)

    async def finish(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.shield(asyncio.ensure_future(greenlet_spawn(work, *args)))

    async def dispose(self) -> None:
        """Close the connections, from the loop itself. An engine that is not ours stays as it is."""
        if self.owned:
            await self.door.dispose()

    def abandon(self) -> None:
        """Close the sockets and threads of a loop that can no longer do so."""
        if self.owned:
            for connection in self._connections:
                _abandon(connection)
            self.engine.dispose(close=False)


class LoopEngines:
    """`make` is called once for each loop that uses the database. Engines that are not `owned` are never closed.

    See `agnodb.executors.states.Engines`.
    """

    def __init__(self, make: Callable[[], AsyncEngine], *, owned: bool = True) -> None:
        self._make, self._owned = make, owned
        self._states: dict[asyncio.AbstractEventLoop, LoopState] = {}
        self._closing: set[asyncio.Task[None]] = set()  # a loop keeps only a weak reference to a task
        self._lock, self._process = threading.Lock(), os.getpid()

    def current(self) -> LoopState:
        loop = asyncio.get_running_loop()
        state = self._states.get(loop)
        if state is None or self._process != os.getpid():
            with self._lock:
                self._sweep()
                state = self._states[loop] = LoopState(self._make(), owned=self._owned)
        return state

    def _sweep(self) -> None:
        if self._process != os.getpid():  # after a fork the connections are the parent's
            self._states, self._process = {}, os.getpid()
        for loop in [loop for loop in self._states if loop.is_closed()]:
            self._states.pop(loop).abandon()

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


def _abandon(connection: Any) -> None:
    stop = getattr(connection, "stop", None)
    if callable(stop):  # aiosqlite: ends the connection's thread, which closes the file
        # In a thread of its own: it would make a future on the loop that runs here, which may be closed before it.
        stopper = threading.Thread(target=stop)
        stopper.start()
        stopper.join()
        return
    transport = getattr(connection, "_transport", None)  # asyncpg keeps its socket here
    found = transport.get_extra_info("socket") if transport is not None else None
    if found is not None:
        with contextlib.suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
