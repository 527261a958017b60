"""A MongoDB client for each event loop, or for each process without one.

A client belongs to the loop that first uses it: Motor's and PyMongo's asynchronous ones both wait on its futures.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from agnodb.awaiting import settled
from agnodb.errors import MissingDriverError, WrongLoopError
from agnodb.executors.blocking import BlockingLock
from agnodb.mongo.executor import Change

T = TypeVar("T")

_WAY_OUT = "The db_client of this database belongs to another event loop. Pass db_url= instead."


class ClientState(Protocol):
    """The client of one place (an event loop, or a process without one), and its way of waiting."""

    client: Any

    @property
    def boot(self) -> AbstractAsyncContextManager[Any]:
        """Held by the one call that makes sure of the collections."""
        ...

    def lock(self) -> AbstractAsyncContextManager[Any]:
        """A new lock for what uses this client."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...

    async def together(self, calls: Sequence[Callable[[], Awaitable[T]]], most: int) -> list[T]:
        """What `calls` return; where one can wait for several, `most` are under way at once."""
        ...


class Clients(Protocol):
    """The clients of all places that use one database object."""

    def current(self) -> ClientState:
        """The state of the place that asks. Raises WrongLoopError."""
        ...

    async def close(self) -> None:
        """Close every client that was made here."""
        ...


class _LoopState:
    def __init__(self, client: Any) -> None:
        self.client, self.boot = client, asyncio.Lock()
        self.end: AsyncGenerator[None] | None = None
        """Held as long as the client is."""

    def lock(self) -> asyncio.Lock:
        return asyncio.Lock()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def together(self, calls: Sequence[Callable[[], Awaitable[T]]], most: int) -> list[T]:
        turns = asyncio.Semaphore(most)

        async def in_turn(call: Callable[[], Awaitable[T]]) -> T:
            async with turns:
                return await call()

        tasks = [asyncio.create_task(in_turn(call)) for call in calls]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


def _at_the_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    """Have the running loop await `close` when it ends, as long as what this returns is held.

    `asyncio.run` closes the generators that are open in its loop. There is no other moment at which a client of a loop
    can be closed: agno's exporter has a loop for each call.
    """

    async def waiting() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await close()

    held = waiting()
    with contextlib.suppress(StopIteration):
        held.__anext__().send(None)  # as far as its yield, which waits for nothing
    return held


class LoopClients:
    """One client for each event loop. One that was passed in belongs to the loop that uses it first."""

    def __init__(self, make: Callable[[], Any], given: Any = None) -> None:
        self._make, self._given = make, given
        self._states: dict[asyncio.AbstractEventLoop, _LoopState] = {}
        self._lock = threading.Lock()

    def current(self) -> ClientState:
        """See `Clients`."""
        loop = asyncio.get_running_loop()
        state = self._states.get(loop)
        if state is None:
            with self._lock:
                for other in [other for other in self._states if other.is_closed()]:
                    del self._states[other]  # it did not end as `asyncio.run` ends one: nothing can be closed there
                if self._given is not None and self._states:
                    raise WrongLoopError(_WAY_OUT)
                state = self._states[loop] = _LoopState(self._make() if self._given is None else self._given)
            if self._given is None:
                state.end = _at_the_end(lambda: self._closed(loop))
        return state

    async def _closed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the client of a loop that ends."""
        state = self._states.pop(loop, None)
        if state is not None:
            await settled(state.client.close())

    async def close(self) -> None:
        """See `Clients`."""
        states, self._states = self._states, {}
        for loop, state in states.items() if self._given is None else ():
            closing = state.client.close()
            if not inspect.isawaitable(closing):
                continue
            if loop is asyncio.get_running_loop():
                await closing
            elif loop.is_closed():  # nothing of it can be awaited any more
                closing.close()  # type: ignore[attr-defined]
            else:
                asyncio.run_coroutine_threadsafe(closing, loop)  # type: ignore[arg-type]


class _ProcessState:
    def __init__(self, client: Any) -> None:
        self.client, self.boot = client, BlockingLock()

    def lock(self) -> BlockingLock:
        return BlockingLock()

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - there is no event loop

    async def together(self, calls: Sequence[Callable[[], Awaitable[T]]], most: int) -> list[T]:
        return [await call() for call in calls]


class ProcessClients:
    """One client for each process: a child that was forked opens its own connections."""

    def __init__(self, make: Callable[[], Any], given: Any = None) -> None:
        self._make, self._given = make, given
        self._state: tuple[int, _ProcessState] | None = None
        self._lock = threading.Lock()

    def current(self) -> ClientState:
        """See `Clients`."""
        with self._lock:
            if self._state is None or self._state[0] != os.getpid():
                client = self._make() if self._given is None else self._given
                self._state = os.getpid(), _ProcessState(client)
            return self._state[1]

    async def close(self) -> None:
        """See `Clients`."""
        state, self._state = self._state, None
        if state is not None and self._given is None and state[0] == os.getpid():
            await settled(state[1].client.close())


def operations(changes: Iterable[Change]) -> list[Any]:
    """The driver's operations of a `bulk_write`."""
    import pymongo

    return [getattr(pymongo, name)(**arguments) for name, arguments in changes]


def motor_client(url: str, options: dict[str, Any]) -> Any:
    """Motor's client, or MissingDriverError."""
    try:
        from motor.motor_asyncio import AsyncIOMotorClient
    except ImportError as error:
        raise MissingDriverError(extra="mongo", driver="motor", detail=str(error)) from None
    return AsyncIOMotorClient(url, **options)


def pymongo_client(url: str, options: dict[str, Any]) -> Any:
    """PyMongo's blocking client, or MissingDriverError."""
    try:
        from pymongo import MongoClient
    except ImportError as error:
        raise MissingDriverError(extra="mongo", driver="pymongo", detail=str(error)) from None
    return MongoClient(url, **options)
