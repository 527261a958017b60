"""A blocking engine behind the same coroutines: they never suspend, so no event loop is needed to run them.

What waits, blocks the thread. `BlockingEngine` has the part of SQLAlchemy's AsyncEngine that migrations use.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable

from agnodb.executors.driving import drive
from agnodb.executors.on_driver import ON_DRIVER, OnDriver
from agnodb.executors.states import give_up_dead_connections

T = TypeVar("T")

_PATIENCE = 1.0


class BlockingState:
    """The engine of a process. See `agnodb.executors.states.EngineState`."""

    def __init__(self, engine: Engine, *, owned: bool = True) -> None:
        self.engine = engine
        give_up_dead_connections(engine)
        self.door = BlockingEngine(engine)
        self.on_driver: OnDriver | None = engine.get_execution_options().get(ON_DRIVER) if owned else None
        self.boot = self.lock()
        self.beside: dict[Any, Any] = {}

    async def there(self, work: Callable[[], Awaitable[T]]) -> T:
        return await work()

    def lock(self) -> BlockingLock:
        return BlockingLock()

    async def wait(self, work: Callable[..., T], *args: Any) -> T:
        return work(*args)

    async def finish(self, work: Callable[..., T], *args: Any) -> T:
        return work(*args)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251  (there is no loop)


class BlockingEngines:
    """One engine for all threads of a process; a child after a fork gets its own.

    See `agnodb.executors.states.Engines`.
    """

    def __init__(self, make: Callable[[], Engine], *, owned: bool = True) -> None:
        self._make, self._owned = make, owned
        self._state: BlockingState | None = None
        self._lock, self._process = threading.Lock(), os.getpid()
        self._inherited: list[Any] = []

    def current(self) -> BlockingState:
        state = self._state
        if state is None or self._process != os.getpid():
            if self._process != os.getpid():
                self._lock = threading.Lock()  # another thread of the parent may have held the old one
            with self._lock:
                if self._state is None or self._process != os.getpid():
                    self._state, self._process = self._renewed(self._state), os.getpid()
                state = self._state
        return state

    def _renewed(self, inherited: BlockingState | None) -> BlockingState:
        if inherited is not None:
            # A socket is the parent's: kept, because what nobody refers to is closed. A file must be closed: SQLite
            # would believe that this process holds the parent's locks, and two writers would overwrite each other.
            files = inherited.engine.dialect.driver == "pysqlite"
            self._inherited.append(None if files else inherited.engine.pool)
            inherited.engine.dispose(close=files)
            return BlockingState(inherited.engine, owned=self._owned)
        return BlockingState(self._make(), owned=self._owned)

    async def close(self) -> None:
        state, self._state = self._state, None
        if state is not None and self._owned:
            state.engine.dispose(close=self._process == os.getpid())


class BlockingLock:
    """A lock of threads that is awaited like one of a loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *_error: object) -> None:
        self._lock.release()


class BlockingEngine:
    """An `Engine` with AsyncEngine's names."""

    def __init__(self, engine: Engine) -> None:
        self.sync_engine, self.dialect = engine, engine.dialect

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[BlockingConnection]:
        """A connection for the length of the block."""
        with self.sync_engine.connect() as connection:
            yield BlockingConnection(connection)

    @contextlib.asynccontextmanager
    async def beside(self, work: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> AsyncIterator[None]:
        """Run `work()` every so many seconds in a thread while the block runs; its errors end it, and nothing else."""
        over = threading.Event()

        def run() -> None:
            with contextlib.suppress(Exception):
                while not over.is_set():
                    drive(work())
                    over.wait(seconds)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_PATIENCE)


class BlockingConnection:
    """A `Connection` with AsyncConnection's names."""

    def __init__(self, connection: Connection) -> None:
        self.sync_connection = connection

    async def execution_options(self, **options: Any) -> BlockingConnection:
        """See SQLAlchemy's AsyncConnection, as for every method here."""
        self.sync_connection.execution_options(**options)
        return self

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement."""
        return self.sync_connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """The first column of the first row."""
        return self.sync_connection.scalar(statement, parameters)

    async def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """Run a text as it is."""
        return self.sync_connection.exec_driver_sql(statement)

    async def run_sync(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What `work(connection, ...)` returns."""
        return work(self.sync_connection, *args, **kwargs)

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        """A transaction for the length of the block."""
        with self.sync_connection.begin():
            yield

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.sync_connection.in_transaction()

    async def rollback(self) -> None:
        """Roll back."""
        self.sync_connection.rollback()

    async def invalidate(self) -> None:
        """Throw the driver's connection away."""
        self.sync_connection.invalidate()

    async def sleep(self, seconds: float) -> None:
        """Block for `seconds`."""
        time.sleep(seconds)  # noqa: ASYNC251  (there is no loop)
