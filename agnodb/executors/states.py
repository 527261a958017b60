"""What an executor stands on: an engine, and how to wait for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine

T = TypeVar("T")


class EngineState(Protocol):
    """The engine of one place (an event loop, or a process without one), and its way of waiting."""

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine; its calls wait, and are made through `wait` only."""
        ...

    @property
    def autocommit(self) -> Engine:
        """The same engine, each statement its own transaction."""
        ...

    @property
    def door(self) -> Any:
        """The engine as migrations take it: an AsyncEngine, or what behaves like one."""
        ...

    @property
    def boot(self) -> AbstractAsyncContextManager[Any]:
        """Held by the one call that makes sure of the schema."""
        ...

    async def wait(self, work: Callable[..., T], *args: Any) -> T:
        """What `work`, which uses the engine, returns."""
        ...

    async def finish(self, work: Callable[..., T], *args: Any) -> T:
        """As `wait`, to the end even when the caller is cancelled meanwhile."""
        ...


class Engines(Protocol):
    """The states of all places that use one database object."""

    def current(self) -> EngineState:
        """The state of the place that asks."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
