"""Firestore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from agnodb.config import TableNames
from agnodb.databases.arguments import Caching, Identity, Policing, as_in_agno
from agnodb.databases.documents import AsyncDocumentDatabase, DocumentDatabase, DocumentSettings
from agnodb.documents.stores import firestore_clients
from agnodb.documents.stores.firestore import FirestoreStore, Stored
from agnodb.documents.stores.firestore_clients import DEFAULT_DATABASE, Place
from agnodb.documents.stores.seen import Seen
from agnodb.errors import ConfigurationError


class FirstCollections(TypedDict, total=False):
    """The collections that agno's class has."""

    session_collection: str | None
    runs_collection: str | None
    memory_collection: str | None
    metrics_collection: str | None
    eval_collection: str | None
    knowledge_collection: str | None
    traces_collection: str | None
    spans_collection: str | None


class Further(TypedDict, total=False):
    """Where the data is and what its collections are called, as agno's class does not name it."""

    db_url: str | None
    database: str | None
    versions_collection: str | None
    learnings_collection: str | None
    schedules_collection: str | None
    schedule_runs_collection: str | None
    approvals_collection: str | None


class FirestoreArguments(FirstCollections, Identity, Further, Policing, Caching, total=False):
    """The arguments of `AsyncFirestoreDb` and `FirestoreDb` after agno's first ones, in agno's order."""


def _place(client: Any, project: str | None, given: FirestoreArguments) -> Place:
    url, database = given.get("db_url"), given.get("database")
    if url is not None:
        if client is not None or project is not None or database is not None:
            raise ConfigurationError("db_url says what db_client, project_id and database would.")
        return Place.of(url)
    if client is not None:
        return Place(client.project, client._database)
    if project is None:
        raise ConfigurationError("One of db_client, project_id and db_url is needed.")
    return Place(project, database or DEFAULT_DATABASE)


def _settings(kind: str, place: Place, given: FirestoreArguments) -> DocumentSettings:
    tables = {argument: given.get(_collection(argument)) for argument in TableNames.arguments()}
    return DocumentSettings.of(kind, place.url, {"db_url": place.url}, {**given, **tables})


def _collection(argument: str) -> str:
    """What an argument for a table's name is called here."""
    return argument.removesuffix("table") + "collection"


def _as_collections(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A `to_dict()` with the names that this constructor knows."""
    tables = TableNames.arguments()
    return {_collection(name) if name in tables else name: value for name, value in stored.items()}


class AsyncFirestoreDb(AsyncDocumentDatabase):
    """Sessions, runs, memories and the rest in documents of Firestore, over google-cloud-firestore.

    `db_client` (an `AsyncClient`; yours to close) goes before `project_id`; `database` is one of the project's,
    ``(default)`` without it; `db_url` is ``firestore://project/database``. Credentials are those of the environment,
    and a server at ``FIRESTORE_EMULATOR_HOST`` is asked instead of Google's where that is set. The names of agno's
    collections are those of collections below the document ``agnodb/records``. `strict_owner`, `on_conflict`,
    `counters` and `on_write_failed` are the policies of `agnodb.policies.Policies`.

    Its lists need the indexes of the file that `agnodb firestore-indexes` writes. A transaction has 500 records.

    Raises ConfigurationError for arguments that cannot be, MissingDriverError without the driver. Nothing is opened
    before the first call.
    """

    @as_in_agno
    def __init__(
        self, db_client: Any = None, project_id: str | None = None, **given: Unpack[FirestoreArguments]
    ) -> None:
        place, seen = _place(db_client, project_id, given), Seen[Stored]()

        def made(client: Any = None) -> FirestoreStore:
            return FirestoreStore(seen, lambda: firestore_clients.client_of(place, asynchronous=True), client)

        given_store = None if db_client is None else made(db_client)
        super().__init__(_settings("async_firestore", place, given), made, FirestoreStore.capabilities, given_store)
        self.db_url, self.project_id = place.url, place.project

    def to_dict(self) -> dict[str, Any]:
        """What is needed to construct the database again."""
        return _as_collections(super().to_dict())


class FirestoreDb(DocumentDatabase):
    """As `AsyncFirestoreDb`, for code without an event loop: every call blocks. `db_client` is a `Client`."""

    @as_in_agno
    def __init__(
        self, db_client: Any = None, project_id: str | None = None, **given: Unpack[FirestoreArguments]
    ) -> None:
        place, seen = _place(db_client, project_id, given), Seen[Stored]()

        def made(client: Any = None) -> FirestoreStore:
            return FirestoreStore(seen, lambda: firestore_clients.client_of(place, asynchronous=False), client)

        settings = _settings("firestore", place, given)
        settings = replace(settings, policies=settings.policies.need_no_loop())
        given_store = None if db_client is None else made(db_client)
        super().__init__(settings, made, FirestoreStore.capabilities, given_store)
        self.db_url, self.project_id = place.url, place.project

    def to_dict(self) -> dict[str, Any]:
        """See `AsyncFirestoreDb.to_dict`."""
        return _as_collections(super().to_dict())


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our collections.
AsyncFirestoreDb.__name__, FirestoreDb.__name__ = "AgnodbAsyncFirestoreDb", "AgnodbFirestoreDb"
