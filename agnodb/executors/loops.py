"""An engine for each event loop.

A connection belongs to the loop that opened it. agno's trace exporter and schedule manager run `asyncio.run` for
every call, so one database object meets many loops: each gets an engine of its own, and the engines of closed
loops are swept, because a closed loop can no longer close its connections and the server would keep them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(eq=False)
class LoopState:
    """What one loop has: its engine, that engine in autocommit, and the lock of the first call."""

    engine: AsyncEngine
    autocommit: AsyncEngine
    boot: asyncio.Lock = field(default_factory=asyncio.Lock)
    connections: set[Any] = field(default_factory=set)

    def abandon(self) -> None:
        """Close the sockets and threads of a loop that can no longer do so."""
        for connection in self.connections:
            _abandon(connection)
        self.connections.clear()
        self.engine.sync_engine.dispose(close=False)


class LoopEngines:
    """`make` is called once for each loop that uses the database. Engines that are not `owned` are never closed."""

    def __init__(self, make: Callable[[], AsyncEngine], *, owned: bool = True) -> None:
        self._make, self._owned = make, owned
        self._states: dict[asyncio.AbstractEventLoop, LoopState] = {}
        self._closing: set[asyncio.Task[None]] = set()  # a loop keeps only a weak reference to a task
        self._lock = threading.Lock()

    def current(self) -> LoopState:
        """The state of the running loop."""
        loop = asyncio.get_running_loop()
        state = self._states.get(loop)
        if state is None:
            with self._lock:
                self._sweep()
                state = self._states[loop] = self._new_state()
        return state

    def _new_state(self) -> LoopState:
        engine = self._make()
        state = LoopState(engine, engine.execution_options(isolation_level="AUTOCOMMIT"))

        def opened(adapted: Any, _record: Any) -> None:
            state.connections.add(adapted.driver_connection)

        def closed(adapted: Any, _record: Any = None) -> None:
            state.connections.discard(getattr(adapted, "driver_connection", None))

        if not self._owned:
            return state
        event.listen(engine.sync_engine, "connect", opened)
        event.listen(engine.sync_engine, "close", closed)
        event.listen(engine.sync_engine, "close_detached", closed)
        return state

    def _sweep(self) -> None:
        for loop in [loop for loop in self._states if loop.is_closed()]:
            state = self._states.pop(loop)
            if self._owned:
                state.abandon()

    async def close(self) -> None:
        """Close every connection: of the running loop properly, of other loops at once."""
        running = asyncio.get_running_loop()
        with self._lock:
            states, self._states = self._states, {}
        if not self._owned:
            return
        for loop, state in states.items():
            if loop is running:
                await state.engine.dispose()
            elif loop.is_closed():
                state.abandon()
            else:
                loop.call_soon_threadsafe(self._dispose_there, state)

    def _dispose_there(self, state: LoopState) -> None:
        task = asyncio.get_running_loop().create_task(state.engine.dispose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _abandon(connection: Any) -> None:
    stop = getattr(connection, "stop", None)
    if callable(stop):  # aiosqlite: ends the connection's thread, which closes the file
        with contextlib.suppress(Exception):
            stop()
        return
    transport = getattr(connection, "_transport", None)  # asyncpg keeps its socket here
    found = transport.get_extra_info("socket") if transport is not None else None
    if found is not None:
        with contextlib.suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
