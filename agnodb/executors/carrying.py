"""The engine of another event loop, which runs in another thread.

An engine that the application has passed in belongs to the loop whose connections it holds. agno's batch exporter, and
whatever else calls from a thread with a loop of its own, has its calls carried over to that loop, and waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from agnodb.errors import UnavailableError, WrongLoopError

if TYPE_CHECKING:
    from agnodb.executors.loops import LoopState

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds in which the other loop must begin with what is carried over to it. One that is blocked, perhaps by waiting
for this very call, never does."""

_LOOK = 1.0
"""How often, in seconds, it is looked at whether the other loop still runs."""

_BLOCKED = "The event loop of this database's db_engine is blocked: it did not take up the call."


class CarriedState:
    """The engine of `home`, used from elsewhere. See `agnodb.executors.states.EngineState`."""

    def __init__(self, home: LoopState, loop: asyncio.AbstractEventLoop, way_out: str) -> None:
        self._home, self._loop, self._way_out = home, loop, way_out
        self.engine, self.door, self.beside = home.engine, home.door, home.beside
        self.on_driver = None
        self.boot = self.lock()

    def lock(self) -> asyncio.Lock:
        return asyncio.Lock()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait(self, work: Callable[..., T], *args: Any) -> T:
        return await self.there(lambda: self._home.wait(work, *args))

    async def finish(self, work: Callable[..., T], *args: Any) -> T:
        return await self.there(lambda: self._home.finish(work, *args))

    async def there(self, work: Callable[[], Awaitable[T]]) -> T:
        """Raises WrongLoopError when the other loop stops meanwhile, UnavailableError when it does not begin."""
        begun, over = asyncio.Event(), asyncio.Event()
        call = self._carry(_telling(work, asyncio.get_running_loop(), begun, over))
        deadline = time.monotonic() + PATIENCE
        try:
            while not call.done():
                await asyncio.wait({call}, timeout=_LOOK)
                self._still_there(call, begun.is_set() or time.monotonic() < deadline)
            return call.result()
        except asyncio.CancelledError:
            call.cancel()
            while begun.is_set() and not over.is_set() and self._loop.is_running():
                with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                    await asyncio.wait_for(over.wait(), _LOOK)
            raise

    def _carry(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        try:
            return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        except RuntimeError:  # it was closed
            work.close()
            raise WrongLoopError(self._way_out) from None

    def _still_there(self, call: asyncio.Future[Any], in_time: bool) -> None:
        if call.done() or (in_time and self._loop.is_running()):
            return
        call.cancel()
        raise UnavailableError(_BLOCKED) if self._loop.is_running() else WrongLoopError(self._way_out)


async def _telling(
    work: Callable[[], Awaitable[T]], caller: asyncio.AbstractEventLoop, begun: asyncio.Event, over: asyncio.Event
) -> T:
    caller.call_soon_threadsafe(begun.set)
    try:
        return await work()
    finally:
        with contextlib.suppress(RuntimeError):  # the caller's loop is closed: nobody waits
            caller.call_soon_threadsafe(over.set)
