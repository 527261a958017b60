"""What an executor stands on: an engine, and how to wait for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from agnodb.executors.on_driver import OnDriver
from agnodb.executors.retries import lost_by
from agnodb.sql.failures import sqlstate_of

T = TypeVar("T")

# Read-only: a server that was made a standby. A time limit of MySQL leaves aiomysql in the middle of an answer.
_NO_MORE = ("25006",)


class EngineState(Protocol):
    """The engine of one place (an event loop, or a process without one), and its way of waiting."""

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine; its calls wait, and are made through `wait` only."""
        ...

    @property
    def door(self) -> Any:
        """The engine as migrations take it: an AsyncEngine, or what behaves like one."""
        ...

    @property
    def on_driver(self) -> OnDriver | None:
        """What runs statements past SQLAlchemy; None where nothing does."""
        ...

    @property
    def boot(self) -> AbstractAsyncContextManager[Any]:
        """Held by the one call that makes sure of the schema."""
        ...

    @property
    def beside(self) -> dict[Any, Any]:
        """What others keep for as long as this engine is used."""
        ...

    async def there(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work()` returns, awaited where the engine's connections are used."""
        ...

    def lock(self) -> AbstractAsyncContextManager[Any]:
        """A new lock."""
        ...

    async def wait(self, work: Callable[..., T], *args: Any) -> T:
        """What `work`, which uses the engine, returns. When the caller is cancelled, `work` is over all the same."""
        ...

    async def finish(self, work: Callable[..., T], *args: Any) -> T:
        """As `wait`, but `work` goes on to its end when the caller is cancelled."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...


class Engines(Protocol):
    """The states of all places that use one database object."""

    def current(self) -> EngineState:
        """The state of the place that asks. An engine that was passed in belongs to one loop: from another one, calls
        are carried over to it. Raises WrongLoopError where that loop does not run."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


def in_autocommit(engine: Engine) -> Connection:
    """A connection on which each statement is its own transaction, to be closed by the caller.

    An engine with that isolation level of its own would lose the connection of a caller who is cancelled meanwhile.
    """
    connection = engine.connect()
    try:
        return connection.execution_options(isolation_level="AUTOCOMMIT")
    except BaseException:
        connection.invalidate()
        connection.close()
        raise


def give_up_dead_connections(engine: Engine) -> None:
    """Have SQLAlchemy throw away a connection, and all that are as old, when an error says that it is of no more use.

    SQLAlchemy asks the driver, which does not know it yet or knows better: a server that was made a standby still
    answers, and what a driver raises beside the errors of the database (a socket's; asyncpg's about its own state)
    means nothing to SQLAlchemy.
    """
    if not event.contains(engine, "handle_error", _on_error):
        event.listen(engine, "handle_error", _on_error)


def _on_error(context: ExceptionContext) -> None:
    error = context.original_exception
    sqlstate = sqlstate_of(error)
    told = sqlstate is not None and (sqlstate in _NO_MORE or lost_by(sqlstate))
    if told or isinstance(error, OSError) or type(error).__module__.startswith("asyncpg."):
        context.is_disconnect = True
