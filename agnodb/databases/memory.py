"""The memory of the process."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from agnodb.databases.arguments import Caching, Identity, Policing, as_in_agno
from agnodb.databases.documents import AsyncDocumentDatabase, DocumentDatabase, DocumentSettings
from agnodb.documents.stores.memory import MemoryStore


class MemoryArguments(Identity, Policing, Caching, total=False):
    """The arguments of `AsyncInMemoryDb` and `InMemoryDb`; agno's class has none."""


def _settings(store: MemoryStore, given: MemoryArguments) -> DocumentSettings:
    settings = DocumentSettings.of("in_memory", f"memory:{store.name}", {"store": store.name}, given)
    return replace(settings, named=False)


def _store(given: MemoryStore | str | None) -> MemoryStore:
    if isinstance(given, str):
        return MemoryStore.named(given)
    return MemoryStore() if given is None else given


class AsyncInMemoryDb(AsyncDocumentDatabase):
    """Sessions, runs, memories and the rest in the memory of this process: gone when the object is.

    One object is one database, for all event loops and threads; those that are given one `store` share it. A copy, and
    what `from_dict` makes of its `to_dict()` in the same process, is the same database; in another it is an empty one.
    `strict_owner`, `on_conflict`, `counters` and `on_write_failed` are the policies of `agnodb.policies.Policies`.
    """

    @as_in_agno
    def __init__(self, store: MemoryStore | str | None = None, **given: Unpack[MemoryArguments]) -> None:
        store = _store(store)
        super().__init__(_settings(store, given), lambda: store, store.capabilities)


class InMemoryDb(DocumentDatabase):
    """As `AsyncInMemoryDb`, for code without an event loop."""

    @as_in_agno
    def __init__(self, store: MemoryStore | str | None = None, **given: Unpack[MemoryArguments]) -> None:
        store = _store(store)
        settings = _settings(store, given)
        settings = replace(settings, policies=settings.policies.need_no_loop())
        super().__init__(settings, lambda: store, store.capabilities)


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our collections.
AsyncInMemoryDb.__name__, InMemoryDb.__name__ = "AgnodbAsyncInMemoryDb", "AgnodbInMemoryDb"
