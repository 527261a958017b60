"""A pool that lends its connections as they are.

SQLAlchemy gives a connection out in a proxy, which comes back by itself when it is forgotten, and rolls it back. For a
statement that is alone that is a sixth of the client's work, and needless. Who borrows here gives back, whatever comes.
"""

from __future__ import annotations

import contextlib
import socket
import weakref
from typing import Any, TypeAlias

from sqlalchemy import AsyncAdaptedQueuePool, Connection, Engine
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool.base import _ConnectionFairy
from sqlalchemy.util.queue import Empty

Lent: TypeAlias = Any
"""SQLAlchemy's record of a connection of the driver, which is its `driver_connection`."""


class LendingPool(AsyncAdaptedQueuePool):
    """A pool whose methods are called by one event loop only."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._worn: list[Lent] = []

    def lend(self) -> Lent | None:
        """A connection that can be had at once; else None, and `lend_new` is what to wait for."""
        try:
            lent: Lent = self._pool.get_nowait()
        except Empty:
            return None
        if lent._is_hard_or_soft_invalidated() or self.is_closed(lent):
            self._worn.append(lent)
            return None
        return lent

    def lend_new(self, engine: Engine) -> Lent:
        """A connection that is waited for, opened, or opened anew. Raises what `engine.connect()` does."""
        worn: list[Lent] = self._worn or [self._do_get()]
        lent = worn.pop()
        try:
            if not lent._is_hard_or_soft_invalidated() and self.is_closed(lent):
                closed = InvalidatePoolError("the server has closed the connection")
                lent.invalidate(closed)
                self._invalidate(lent, closed, _checkin=False)  # all that are as old
            lent.get_connection()
        except BaseException as error:
            lent._checkin_failed(error, _fairy_was_created=False)
            if isinstance(error, engine.dialect.loaded_dbapi.Error):
                Connection._handle_dbapi_exception_noconnection(error, engine.dialect, engine)
            raise
        return lent

    def is_closed(self, lent: Lent) -> bool:
        """Whether the connection was closed by another than its pool, as far as the driver knows."""
        return False

    def give_back(self, lent: Lent) -> None:
        """Of a connection on which nothing is under way."""
        self._do_return_conn(lent)

    def throw_away(self, lent: Lent, error: BaseException) -> None:
        """Close the connection: nobody knows what is under way on it."""
        lent._checkin_failed(error, _fairy_was_created=False)

    def in_proxy(self, lent: Lent) -> Any:
        """The connection as SQLAlchemy would have given it out."""
        proxy = _ConnectionFairy(self, lent.dbapi_connection, lent, self._should_log_debug())
        proxy._counter, lent.fairy_ref = 1, weakref.ref(proxy)
        return proxy


class AsyncpgPool(LendingPool):
    """A pool of asyncpg's connections."""

    def is_closed(self, lent: Lent) -> bool:
        # It has seen it when the server has closed an idle connection: to ask it is no round trip.
        return bool(lent.driver_connection.is_closed())


class AiomysqlPool(LendingPool):
    """A pool of aiomysql's connections."""

    def is_closed(self, lent: Lent) -> bool:
        driver = lent.driver_connection
        return bool(driver.closed or driver._reader.at_eof())


def shut_down(transport: Any) -> None:
    """Close a connection by its transport, whose loop does not run any more."""
    found = transport.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
