"""A sync database behind awaitable methods, so that the tests of the async databases run on it unchanged.

    database = AsyncFacade(PostgresDb(db_url=url))
    await database.sessions.get("s")
    async with database.transaction() as tx:
        await tx.sessions.delete("s")

Every call runs in a thread of its own, as concurrent callers of a sync database do.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from agnodb.databases.sql import SqlDatabase
from agnodb.databases.sync_methods import SyncRepositories, SyncRepository, SyncTransaction

THREADS = 64
"""More than any test has calls under way: a call that waits for another one's lock must not keep it from a thread."""


class _Threads:
    def __init__(self) -> None:
        self.executor = ThreadPoolExecutor(THREADS, thread_name_prefix="agnodb-facade")

    async def run(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What `call` returns, in a thread. Like any blocking call, it cannot be cancelled."""
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        try:
            return await loop.run_in_executor(self.executor, functools.partial(context.run, call, *args, **kwargs))
        finally:  # the call and its caller are one flow, as they are without a thread between them
            for variable, value in context.items():
                if variable.get(None) is not value:
                    variable.set(value)


class _AwaitableRepository:
    def __init__(self, repository: SyncRepository, threads: _Threads) -> None:
        self._repository, self._threads = repository, threads

    def __getattr__(self, name: str) -> Any:
        return functools.partial(self._threads.run, getattr(self._repository, name))


class _AwaitableRepositories:
    def __init__(self, repositories: SyncRepositories, threads: _Threads) -> None:
        self._repositories, self._threads = repositories, threads

    def __getattr__(self, name: str) -> Any:
        return _AwaitableRepository(getattr(self._repositories, name), self._threads)


class _AwaitableTransaction:
    def __init__(self, transaction: SyncTransaction, threads: _Threads) -> None:
        self._transaction, self._threads = transaction, threads

    def savepoint(self) -> Any:
        """See the sync transaction's own."""
        return _block(self._transaction.savepoint(), self._threads)

    def __getattr__(self, name: str) -> Any:
        return _awaitable(getattr(self._transaction, name), self._threads)


@contextlib.asynccontextmanager
async def _block(context: Any, threads: _Threads) -> AsyncIterator[_AwaitableTransaction]:
    transaction = await threads.run(context.__enter__)
    try:
        yield _AwaitableTransaction(transaction, threads)
    except BaseException as error:
        if not await threads.run(context.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await threads.run(context.__exit__, None, None, None)


class AwaitableSession:
    """A SQLAlchemy `Session` with AsyncSession's interface."""

    def __init__(self, session: Session, threads: _Threads) -> None:
        self.sync_session, self._threads = session, threads

    def __getattr__(self, name: str) -> Any:
        member = getattr(self.sync_session, name)
        awaited = inspect.iscoroutinefunction(getattr(AsyncSession, name, None))
        return functools.partial(self._threads.run, member) if awaited else member

    async def run_sync(self, work: Callable[..., Any]) -> Any:
        """What `work(session)` returns."""
        return await self._threads.run(work, self.sync_session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._threads.run(self.sync_session.close)


def _awaitable(member: Any, threads: _Threads) -> Any:
    if isinstance(member, SyncRepository):
        return _AwaitableRepository(member, threads)
    return functools.partial(threads.run, member) if callable(member) else member


class AsyncFacade:
    """A sync database with the async ones' interface. What is no coroutine function there is as it is here."""

    _kind: type

    def __new__(cls, database: Any) -> Self:
        # A class for each kind of database, as tests rebuild one by `type(db).from_dict(...)`.
        kind = type(database)
        return super().__new__(cls if "_kind" in vars(cls) else type(cls.__name__, (cls,), {"_kind": kind}))

    def __init__(self, database: Any) -> None:
        self._database, self._threads = database, _Threads()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AsyncFacade:
        """See the sync database's own."""
        return AsyncFacade(cls._kind.from_dict(data))  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._database, name)
        if isinstance(member, SyncRepository):
            return _AwaitableRepository(member, self._threads)
        if isinstance(member, SyncRepositories):
            return _AwaitableRepositories(member, self._threads)
        if inspect.iscoroutinefunction(getattr(SqlDatabase, name, None)):
            return functools.partial(self._threads.run, member)
        return member

    def transaction(self, session: Any = None) -> Any:
        """See the sync database's own; `session` may be one of `async_session_factory`."""
        return _block(self._database.transaction(getattr(session, "sync_session", session)), self._threads)

    def async_session_factory(self, *, bind: Any = None) -> AwaitableSession:
        """A SQLAlchemy session on the database's engine, or on `bind`."""
        return AwaitableSession(Session(bind or self._database.db_engine, expire_on_commit=False), self._threads)

    async def close(self) -> None:
        """Close the database. A closed one can still be asked, to hear that it is closed."""
        await self._threads.run(self._database.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncFacade({self._database!r})"
