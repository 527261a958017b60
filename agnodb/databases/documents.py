"""What every database over a document store is made of, async or sync."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from agnodb.agno.base import AsyncBaseDb, BaseDb, objects
from agnodb.config import Layout, TableNames, layout_from
from agnodb.databases.arguments import cache_arguments, names_for_agno, policy_arguments, table_arguments
from agnodb.databases.driving import drive, driven
from agnodb.databases.handles import Handle
from agnodb.databases.sync_methods import SyncMethods, SyncRepositories, SyncTransaction
from agnodb.databases.transactions import Store, Transaction
from agnodb.documents.executor import Executor
from agnodb.documents.repositories import DocumentRepositories
from agnodb.documents.repository import Collections
from agnodb.documents.stamping import make_collections
from agnodb.documents.store import Capabilities, DocumentStore
from agnodb.errors import UnsupportedOperationError
from agnodb.executors.document_health import health
from agnodb.executors.documents import DocumentExecutor
from agnodb.executors.mongo_clients import Clients, LoopClients, ProcessClients
from agnodb.executors.run_cache import run_cache
from agnodb.models.base import tables_for
from agnodb.policies import DEFAULT_POLICIES, Policies
from agnodb.records.health import HealthRecord

_NAMESPACE = uuid.UUID("6f2d8f0e-55a1-5d0c-9a53-6a2f5f1c4a11")


@dataclass(frozen=True, kw_only=True)
class DocumentSettings:
    """What a database's constructor was given, checked."""

    kind: str
    """agno's name for this kind of database, in `to_dict()`."""
    place: Mapping[str, Any]
    """The constructor's arguments for where the data is, without a password."""
    where: str
    """Where that is, the same for every replica."""
    layout: Layout
    id: str
    named: bool = True
    """Whether the constructor takes names of collections."""
    policies: Policies = DEFAULT_POLICIES
    caching: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: str, where: str, place: Mapping[str, Any], given: Mapping[str, Any]) -> DocumentSettings:
        """The settings of constructor arguments. Raises ConfigurationError for names that cannot be."""
        layout = layout_from(table_arguments(given), schema_default=None)
        return cls(
            kind=kind,
            place=place,
            where=where,
            layout=layout,
            id=given.get("id") or str(uuid.uuid5(_NAMESPACE, f"{where}#{layout.key}")),
            policies=Policies(**policy_arguments(given)),
            caching=cache_arguments(given),
        )

    def to_dict(self) -> dict[str, Any]:
        """What is needed to construct the database again, without its password."""
        names = self.layout.names.as_dict()
        kept = {argument: names[concept] for argument, concept in TableNames.arguments().items()} if self.named else {}
        return {"id": self.id, "type": self.kind, **self.place, **kept, **self.policies.given(), **self.caching}

    def describe(self, kind: type) -> str:
        """The `repr` of a database of class `kind`."""
        place = ", ".join(f"{name}={value!r}" for name, value in self.place.items() if value is not None)
        return f"{kind.__qualname__}({place}{', ' if place else ''}id={self.id!r})"


class DocumentCore(Store):
    """The flat methods and the repositories over one store."""

    def __init__(
        self, settings: DocumentSettings, clients: Clients, capabilities: Capabilities, *, threaded: bool
    ) -> None:
        self.settings = settings
        place = f"{settings.where}#{settings.layout.key}"
        self._tables = tables_for(settings.layout)
        self.collections = Collections(self._tables, settings.policies, place)
        self._executor = DocumentExecutor(clients, self.collections.indexes(), capabilities, threaded=threaded)
        Store.__init__(self, self._repositories_of(self._executor), objects(), place, settings.policies.media)
        self._on_write_failed = settings.policies.on_write_failed
        self._run_cache = run_cache(settings.caching, shared=self.objects.shares_runs)

    @property
    def statements_run(self) -> int:
        """The number of requests this instance has made."""
        return self._executor.statements

    async def create_tables(self) -> None:
        """Make the collections that are missing, and note whose shape they have."""
        await make_collections(self._repositories_of(self._executor), self._executor)

    async def table_exists(self, table_name: str) -> bool:
        """Whether there is a collection of that name."""
        return table_name in self.collections.indexes()

    async def health(self) -> HealthRecord:
        """Whether the store answers and how fast.

        Raises nothing when it is down: `ok` is False then, with the error's class and its safe text.
        """
        return await health(self._executor)

    def _repositories_of(self, executor: Executor) -> DocumentRepositories:
        return DocumentRepositories(executor, self.collections)

    @contextlib.asynccontextmanager
    async def transaction(self, session: None = None) -> AsyncIterator[Transaction]:
        """All repositories and flat methods inside one transaction: all of it is stored at the end, or nothing.

        It locks nothing. Where others have written meanwhile what it changes, it ends with UnavailableError and
        nothing of it is stored; what it has only read is not looked at again. A list that is read in it is read as a
        whole. Raises UnsupportedOperationError where the store writes no batch as a whole, or less than this is. There
        is no session of an application's to join.
        """
        if session is not None:
            raise UnsupportedOperationError("Here a transaction joins no other.")
        begun = self._executor.transaction()
        async with self._in_transaction(begun, self._repositories_of, ours=True) as transaction:
            yield transaction

    async def close(self) -> None:
        """Give up the connections and files of this instance."""
        await self._executor.close()


class AsyncDocumentDatabase(Handle, DocumentCore, AsyncBaseDb):
    """Base of the asynchronous databases.

    `make` makes the store of an event loop; `given`, over a client that was passed in, belongs to the loop that uses it
    first and is not closed here.
    """

    def __init__(
        self,
        settings: DocumentSettings,
        make: Callable[[], DocumentStore],
        able: Capabilities,
        given: DocumentStore | None = None,
    ) -> None:
        AsyncBaseDb.__init__(self, id=settings.id)
        DocumentCore.__init__(self, settings, LoopClients(make, given), able, threaded=True)
        self.id = settings.id
        self.__dict__.update(names_for_agno(settings.layout.names))

    async def _create_all_tables(self) -> None:
        await self.create_tables()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`."""
        return cls(**{name: value for name, value in data.items() if name != "type"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _settings(self) -> Any:
        return self.settings


class DocumentDatabase(Handle, SyncMethods, SyncRepositories, BaseDb):
    """Base of the databases for code without an event loop: every call blocks. See `AsyncDocumentDatabase`."""

    def __init__(
        self,
        settings: DocumentSettings,
        make: Callable[[], DocumentStore],
        able: Capabilities,
        given: DocumentStore | None = None,
    ) -> None:
        BaseDb.__init__(self, id=settings.id)
        self._core = DocumentCore(settings, ProcessClients(make, given), able, threaded=False)
        SyncRepositories.__init__(self, self._core.repositories)
        self.repositories = SyncRepositories(self._core.repositories)
        self.id = settings.id
        self.__dict__.update(names_for_agno(settings.layout.names))

    @property
    def statements_run(self) -> int:
        """The number of requests this instance has made."""
        return self._core.statements_run

    create_tables = driven(DocumentCore.create_tables, lambda database: database._core)
    table_exists = driven(DocumentCore.table_exists, lambda database: database._core)
    health = driven(DocumentCore.health, lambda database: database._core)

    def _create_all_tables(self) -> None:
        self.create_tables()

    def transaction(self, session: None = None) -> AbstractContextManager[SyncTransaction]:
        """See `DocumentCore.transaction`."""
        return SyncTransaction(self._core.transaction(session))

    def close(self) -> None:
        """Give up the connections and files of this instance."""
        drive(self._core.close())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`."""
        return cls(**{name: value for name, value in data.items() if name != "type"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _settings(self) -> Any:
        return self._core.settings
