"""The asynchronous SQL databases."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker

from agnodb.agno.base import AsyncBaseDb
from agnodb.databases.core import DatabaseCore, Settings
from agnodb.databases.handles import Handle
from agnodb.databases.transactions import Transaction
from agnodb.executors.loops import LoopEngines

T = TypeVar("T")


class SqlDatabase(Handle, DatabaseCore, AsyncBaseDb):
    """A SQL database for agents. Construct one of its subclasses.

    Repositories are attributes (`db.sessions`, `db.runs`, ...); agno's flat methods work over them. An instance may
    be used from several event loops and threads; after `close()` every use raises ConfigurationError.
    """

    _agnos: type | None = None
    """agno's adapter that serves what agnodb does not keep, if there is one."""

    def __init__(
        self, settings: Settings, make_engine: Callable[[], AsyncEngine], db_engine: AsyncEngine | None
    ) -> None:
        AsyncBaseDb.__init__(self, id=settings.id, **settings.chosen_tables())
        made = make_engine if db_engine is None else lambda: db_engine
        DatabaseCore.__init__(self, settings, LoopEngines(made, owned=db_engine is None))
        self.id, self.create_schema = settings.id, settings.create_schema
        self.__dict__.update(settings.table_name_attributes())
        self._given_engine, self._make_engine = db_engine, make_engine
        self._loose_engine: AsyncEngine | None = None

    @property
    def db_engine(self) -> AsyncEngine:
        """The engine of the running event loop; outside a loop, one of its own that no loop has used yet."""
        if self._given_engine is not None:
            return self._given_engine
        try:
            engine: AsyncEngine = self._executor.state().door
        except RuntimeError:
            if self._loose_engine is None:
                self._loose_engine = self._make_engine()
            return self._loose_engine
        return engine

    @property
    def async_session_factory(self) -> async_sessionmaker[AsyncSession]:
        """SQLAlchemy sessions on the engine of the running loop, for queries of your own."""
        return async_sessionmaker(bind=self.db_engine, expire_on_commit=False)

    async def _with_agnos(self, theirs: type, call: Callable[[Any], Awaitable[T]]) -> T:
        """What `call` returns of agno's own adapter on the engine of the running loop; see `agnodb.agno.served`."""
        state = await self._executor.ready()
        with self._agnos_errors():
            return await state.there(lambda: call(self._adapter(state, state.door, theirs)))

    async def _get_table(self, table_type: str, create_table_if_not_found: bool | None = False) -> Table | None:
        table = await super()._get_table(table_type)
        if table is not None or self._agnos is None:
            return table
        try:
            return await self._with_agnos(self._agnos, lambda a: a._get_table(table_type, create_table_if_not_found))
        except ValueError:  # agno's way to say that it knows no such table
            return None

    @contextlib.asynccontextmanager
    async def transaction(self, session: AsyncSession | AsyncConnection | None = None) -> AsyncIterator[Transaction]:
        """See `agnodb.databases.core.DatabaseCore.transaction`."""
        async with super().transaction(session) as tx:
            yield tx

    async def _create_all_tables(self) -> None:
        await self.create_tables()

    async def close(self) -> None:
        """Close all connections of this instance, not those of an engine that was passed in."""
        await super().close()
        if self._loose_engine is not None:
            await self._loose_engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _settings(self) -> Settings:
        return self.settings
