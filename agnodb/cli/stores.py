"""The commands on stores of documents: `upgrade`, `current`, `check`, `doctor`, `inspect` and `adopt`, without an event
loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import typer

if TYPE_CHECKING:
    from agnodb.config import Layout, TableNames
    from agnodb.diagnosis.contents import TableContents
    from agnodb.diagnosis.doctor import Report
    from agnodb.diagnosis.finding import Commands
    from agnodb.diagnosis.store_facts import Setup, StoreFacts
    from agnodb.documents.agnos_layouts import Rows
    from agnodb.documents.repositories import DocumentRepositories
    from agnodb.documents.repository import Collections
    from agnodb.documents.store import DocumentStore, Index
    from agnodb.executors.documents import DocumentExecutor

T = TypeVar("T")

DEFAULT_PREFIX = "agno"
PATIENCE = 10.0
"""Seconds that an examination waits for one answer."""


class Opened(NamedTuple):
    """A store, and what agno's own adapter has in the same place."""

    store: DocumentStore
    look: Callable[[Mapping[str, Sequence[Index]]], Setup]
    """How it is set up; nothing in it is changed. Raises an AgnoDbError."""
    agnos: Callable[[TableNames], Rows] | None = None
    """None where it cannot be taken over."""
    put_aside: Callable[[TableNames], str] = lambda _names: ""
    """Called when all was taken over; says what has become of agno's own."""


def _memory(_url: str, _prefix: str) -> Opened:
    from agnodb.diagnosis.store_facts import MemoryFacts
    from agnodb.documents.stores.memory import MemoryStore

    return Opened(MemoryStore(), lambda _collections: MemoryFacts())


def _json_files(url: str, _prefix: str) -> Opened:
    from pathlib import Path

    from agnodb.diagnosis import store_setups
    from agnodb.documents import agnos_layouts
    from agnodb.documents.stores.json_files import JsonFileStore

    folder = Path(url.removeprefix("json://"))

    def put_aside(names: TableNames) -> str:
        moved = agnos_layouts.put_aside(folder, names)
        return f"agno's files are in {agnos_layouts.ASIDE}/ now: {', '.join(moved)}" if moved else ""

    store = JsonFileStore(folder, beside_agnos=True)
    return Opened(
        store,
        lambda _collections: store_setups.of_folder(folder),
        lambda names: agnos_layouts.in_json_files(folder, names),
        put_aside,
    )


def _redis(url: str, prefix: str) -> Opened:
    from agnodb.diagnosis import store_setups
    from agnodb.documents import agnos_layouts
    from agnodb.documents.stores.redis import Keyspace, RedisStore
    from agnodb.documents.stores.redis_clients import client_of

    client = client_of(url, asynchronous=False)
    kept = f"agno's keys ({prefix}:...) are left as they are"
    return Opened(
        RedisStore(client, Keyspace(prefix)),
        lambda _collections: store_setups.of_redis(client),
        lambda _names: agnos_layouts.in_redis(client, prefix),
        lambda _names: kept,
    )


def _dynamodb(url: str, _prefix: str) -> Opened:
    from agnodb.diagnosis import store_setups
    from agnodb.documents import agnos_layouts
    from agnodb.documents.stores.dynamodb import DynamoDbStore, Keyspace
    from agnodb.documents.stores.dynamodb_clients import Place, client_of

    place = Place.of(url)

    def connect() -> Any:
        return client_of(place, {}, asynchronous=False)

    return Opened(
        DynamoDbStore(place.table, Keyspace(), connect),
        lambda _collections: store_setups.of_dynamodb(connect(), place.table),
        lambda names: agnos_layouts.in_dynamodb(connect(), names),
        lambda _names: "agno's tables are left as they are",
    )


def _firestore(url: str, _prefix: str) -> Opened:
    from agnodb.diagnosis import store_setups
    from agnodb.documents import agnos_layouts
    from agnodb.documents.stores.firestore import FirestoreStore, Stored
    from agnodb.documents.stores.firestore_clients import Place, client_of
    from agnodb.documents.stores.seen import Seen
    from agnodb.executors.driving import drive

    place = Place.of(url)
    store = FirestoreStore(Seen[Stored](), lambda: client_of(place, asynchronous=False))
    return Opened(
        store,
        lambda collections: drive(store_setups.of_firestore(store, collections)),
        lambda names: agnos_layouts.in_firestore(client_of(place, asynchronous=False), names),
        lambda _names: "agno's collections are left as they are",
    )


def _bucket(url: str, _prefix: str) -> Opened:
    from agnodb.diagnosis import store_setups
    from agnodb.documents import agnos_layouts
    from agnodb.documents.stores.gcs import GcsStore
    from agnodb.documents.stores.gcs_clients import Place, bucket_of
    from agnodb.documents.stores.gcs_names import Names

    place = Place.of_url(url)

    def connect() -> Any:
        return bucket_of(place, None, None)

    return Opened(
        GcsStore(connect, Names(place.prefix)),
        lambda _collections: store_setups.of_bucket(connect(), place.prefix),
        lambda names: agnos_layouts.in_bucket(connect(), place.prefix, names),
        lambda _names: "agno's objects are left as they are",
    )


_OPENERS: dict[str, Callable[[str, str], Opened]] = {
    "memory:": _memory,
    "json://": _json_files,
    **{f"{scheme}{way}://": _redis for scheme in ("redis", "rediss", "valkey", "valkeys") for way in ("", "+cluster")},
    "unix://": _redis,
    "dynamodb://": _dynamodb,
    "firestore://": _firestore,
    "gs://": _bucket,
}
"""How the URLs of stores begin. --schema is the prefix of keys, where a store has one."""


def is_store(url: str) -> bool:
    """Whether `url` leads to a store of documents."""
    return url.startswith(tuple(_OPENERS))


@dataclass(frozen=True)
class StorePlace:
    """A store and the set of collections in it."""

    url: str
    prefix: str
    layout: Layout

    def described(self) -> dict[str, str | None]:
        """The URL without its password, and the prefix."""
        from agnodb.documents.stores.redis_clients import safe

        return {"url": safe(self.url), "prefix": self.prefix}

    def open(self) -> Opened:
        """The store. Raises an AgnoDbError."""
        return next(make for start, make in _OPENERS.items() if self.url.startswith(start))(self.url, self.prefix)

    def collections(self) -> Collections:
        """Its collections, by their names."""
        from agnodb.documents.repository import Collections
        from agnodb.models.base import tables_for
        from agnodb.policies import Policies

        return Collections(tables_for(self.layout), Policies(), None)

    def commands(self, url: str | None) -> Commands:
        """The commands to run next; `url` is what they have to say again."""
        from shlex import quote

        from agnodb.diagnosis.finding import Commands
        from agnodb.documents.stores.redis_clients import safe

        options = "" if self.prefix == DEFAULT_PREFIX else f"--schema {quote(self.prefix)}"
        return Commands(self.layout, None if url is None else safe(url), options=options)

    def run(self, work: Callable[[DocumentRepositories, DocumentExecutor], Coroutine[Any, Any, T]]) -> T:
        """What `work(repositories, executor)` returns. Raises an AgnoDbError."""
        return self.run_on(self.open(), work)

    def run_on(
        self, opened: Opened, work: Callable[[DocumentRepositories, DocumentExecutor], Coroutine[Any, Any, T]]
    ) -> T:
        """As `run`, on a store that was opened."""
        from agnodb.documents.repositories import DocumentRepositories
        from agnodb.executors.documents import DocumentExecutor
        from agnodb.executors.driving import drive
        from agnodb.executors.mongo_clients import ProcessClients

        collections, store = self.collections(), opened.store
        executor = DocumentExecutor(
            ProcessClients(lambda: store), collections.indexes(), store.capabilities, threaded=False
        )
        try:
            return drive(work(DocumentRepositories(executor, collections), executor))
        finally:
            drive(executor.close())


def upgrade(place: StorePlace, target: str) -> None:
    """Make the collections that are missing."""
    from agnodb.documents.stamping import make_collections
    from agnodb.errors import ConfigurationError

    if target != "head":
        raise ConfigurationError("A store of documents has no revisions: an upgrade is to head.")
    place.run(lambda repositories, executor: make_collections(repositories, executor))
    current(place)


def current(place: StorePlace) -> None:
    """Say that there are no revisions."""
    place.run(lambda _repositories, executor: executor.prepare())
    typer.echo("a store of documents has no revisions (head)")


def check(place: StorePlace) -> None:
    """Exit with 0 if every record can be read and stands in its lists, and none can be dropped; 1 if not."""
    from agnodb.diagnosis.documents import differences
    from agnodb.diagnosis.findings_stores import about_setup

    opened = place.open()
    setup = opened.look(place.collections().indexes())
    found = [finding.message for finding in about_setup(setup, place.commands(place.url)) if finding.needs_action]
    if setup.readable:
        found += place.run_on(opened, lambda repositories, _executor: differences(repositories))
    for difference in found:
        typer.echo(difference)
    if found:
        raise typer.Exit(1)
    typer.echo("every record can be read and stands in its lists")


def examine(place: StorePlace, url: str | None) -> Report:
    """What is the matter with the store; `url` is what the commands to run next have to say again."""
    from agnodb.diagnosis.doctor import Report
    from agnodb.diagnosis.findings import no_connection
    from agnodb.diagnosis.findings_stores import findings_of_store
    from agnodb.errors import AgnoDbError

    try:
        facts = _look(place)
    except AgnoDbError as error:
        return Report([no_connection(error)], detail=error.detail)
    return Report(findings_of_store(facts, place.commands(url)), facts)


def _look(place: StorePlace) -> StoreFacts:
    import time

    from agnodb.diagnosis.connecting import milliseconds
    from agnodb.diagnosis.documents import look_inside
    from agnodb.diagnosis.store_facts import StoreFacts

    opened, began = place.open(), time.perf_counter()
    setup = opened.look(place.collections().indexes())
    if not setup.readable:
        return StoreFacts(setup=setup)
    connect_ms = milliseconds(began)

    async def inside(repositories: DocumentRepositories, executor: DocumentExecutor) -> StoreFacts:
        return await look_inside(repositories, setup, connect_ms, lambda: executor.latency(PATIENCE))

    return place.run_on(opened, inside)


def contents(place: StorePlace) -> list[TableContents]:
    """What is in the collections."""
    from agnodb.diagnosis.documents import read_collections

    return place.run(lambda repositories, _executor: read_collections(repositories))
