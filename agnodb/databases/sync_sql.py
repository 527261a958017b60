"""The sync SQL databases: the async ones over a blocking driver, without an event loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, MetaData, Table, orm
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from agnodb.agno.base import BaseDb
from agnodb.databases.core import DatabaseCore, Settings
from agnodb.databases.driving import drive, driven
from agnodb.databases.handles import Handle
from agnodb.databases.sync_methods import SyncMethods, SyncRepositories, SyncTransaction
from agnodb.executors.blocking import BlockingEngines

T = TypeVar("T")


def _core_of(database: Any) -> Any:
    return database._core


class SyncSqlDatabase(Handle, SyncMethods, SyncRepositories, BaseDb):
    """A SQL database for agents that run without an event loop. Construct one of its subclasses.

    The same methods, repositories and promises as the async databases; every call blocks until it is done. An
    instance may be used from many threads, inside a running loop (which it blocks), and after a fork.
    """

    _agnos: type | None = None
    """See `agnodb.databases.sql.SqlDatabase`."""

    def __init__(self, settings: Settings, make_engine: Callable[[], Engine], db_engine: Engine | None) -> None:
        settings = replace(settings, policies=settings.policies.need_no_loop())
        BaseDb.__init__(self, id=settings.id, **settings.chosen_tables())
        made = make_engine if db_engine is None else lambda: db_engine
        self._core = DatabaseCore(settings, BlockingEngines(made, owned=db_engine is None))
        SyncRepositories.__init__(self, self._core.repositories)
        self.repositories = SyncRepositories(self._core.repositories)
        self.id, self.create_schema = settings.id, settings.create_schema
        self.__dict__.update(settings.table_name_attributes())

    @property
    def db_engine(self) -> Engine:
        """The engine of this process."""
        return self._core.engine

    @property
    def metadata(self) -> MetaData:
        """The tables of this database, as SQLAlchemy metadata."""
        return self._core.metadata

    @property
    def Session(self) -> scoped_session[Session]:
        """SQLAlchemy sessions on this database's engine, for queries of your own."""
        return scoped_session(sessionmaker(bind=self.db_engine, expire_on_commit=False))

    @property
    def statements_run(self) -> int:
        """The number of statements this instance has run."""
        return self._core.statements_run

    create_tables = driven(DatabaseCore.create_tables, _core_of)
    table_exists = driven(DatabaseCore.table_exists, _core_of)
    health = driven(DatabaseCore.health, _core_of)

    def _get_table(self, table_type: str, create_table_if_not_found: bool | None = False) -> Table | None:
        table: Table | None = drive(self._core._get_table(table_type))
        if table is not None or self._agnos is None:
            return table
        try:
            table = self._with_agnos(self._agnos, lambda a: a._get_table(table_type, create_table_if_not_found))
        except ValueError:  # agno's way to say that it knows no such table
            return None
        return table

    def _with_agnos(self, theirs: type, call: Callable[[Any], T]) -> T:
        """See `agnodb.databases.sql.SqlDatabase._with_agnos`."""
        core = self._core
        state = drive(core._executor.ready())
        with core._agnos_errors():
            return call(core._adapter(state, state.engine, theirs))

    def _create_all_tables(self) -> None:
        self.create_tables()

    def transaction(self, session: orm.Session | Connection | None = None) -> AbstractContextManager[SyncTransaction]:
        """See `agnodb.databases.core.DatabaseCore.transaction`."""
        return SyncTransaction(self._core.transaction(session))

    def close(self) -> None:
        """Close all connections of this instance, not those of an engine that was passed in."""
        drive(self._core.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _settings(self) -> Settings:
        settings: Settings = self._core.settings
        return settings
