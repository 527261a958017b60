"""The executor over a document store, the same with an event loop and without one."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

from agnodb.documents.batches import parts
from agnodb.documents.store import (
    Address,
    Capabilities,
    Document,
    DocumentStore,
    Index,
    ListsAtOnce,
    Query,
    Refused,
    Scalar,
    Write,
)
from agnodb.documents.stores.recent import remembered
from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    InvalidValueError,
    UnavailableError,
    UnsupportedOperationError,
)
from agnodb.executors.document_transactions import DocumentTransaction
from agnodb.executors.driving import drive
from agnodb.executors.mongo_clients import Clients, ClientState
from agnodb.executors.persisting import Persisting
from agnodb.executors.retries import RETRY_SECONDS, Attempts
from agnodb.executors.threads import Threads

T = TypeVar("T")

_LISTS_AT_ONCE = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.25
"""Seconds between two rounds of compare and set: up to the first, then up to twice as long each, up to the longest."""


class DocumentExecutor(Persisting):
    """Runs each request on the store of its place (an event loop, or a process without one).

    See `agnodb.documents.executor.Executor`. The first call makes sure, once, that the `collections` are there.
    `threaded` says that there is an event loop, which a blocking store must not hold: it is called in threads.
    """

    final = True

    def __init__(
        self,
        clients: Clients,
        collections: Mapping[str, Sequence[Index]],
        capabilities: Capabilities,
        *,
        threaded: bool,
        retry_timeout: float = RETRY_SECONDS,
    ) -> None:
        Persisting.__init__(self, retry_timeout)
        self._clients, self._collections, self.capabilities = clients, collections, capabilities
        self._threads = Threads(capabilities.threads) if threaded and capabilities.blocking else None
        self._remembered = remembered()
        self._ready = self._closed = False
        self.statements = 0
        """The number of requests made so far; one that is made again counts again."""

    @property
    def shapes(self) -> int:
        """As `statements`: what a repository asks for is one request."""
        return self.statements

    def state(self) -> ClientState:
        """The store of this place. Raises ConfigurationError after `close`, WrongLoopError in a wrong loop."""
        if self._closed:
            raise ConfigurationError("This database object is closed.")
        return self._clients.current()

    async def _booted(self) -> ClientState:
        state = self.state()
        if not self._ready:
            async with state.boot:
                if not self._ready:
                    await self._on(state, lambda store: store.prepare(self._collections))
                    self._ready = True
        return state

    async def _on(self, state: ClientState, ask: Callable[[DocumentStore], Coroutine[Any, Any, T]]) -> T:
        if self._threads is None:
            return await ask(state.client)
        return await self._threads.run(lambda: drive(ask(state.client)))

    async def _ask(self, name: str, ask: Callable[[DocumentStore], Coroutine[Any, Any, T]]) -> T:
        async def once(attempts: Attempts) -> T:
            return await self._once(attempts, ask)

        return await self.persist(once, idempotent=True, statement=name)

    async def _once(self, attempts: Attempts, ask: Callable[[DocumentStore], Coroutine[Any, Any, T]]) -> T:
        state = await self._booted()
        self.statements += 1
        try:
            return await self._on(state, ask)
        except UnavailableError as failure:
            attempts.sent = attempts.lost = not failure.facts.get("unreachable")
            raise

    async def prepare(self, collections: Mapping[str, Sequence[Index]] | None = None) -> None:
        """Make the collections that are missing."""
        await self._ask(
            "prepare", lambda store: store.prepare(self._collections if collections is None else collections)
        )

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        found = await self._ask("get", lambda store: store.get(addresses))
        for address, document in zip(addresses, found, strict=True):
            self._note(address, document)
        return found

    def remembered(self, address: Address) -> Document | None:
        """As the port has it."""
        return self._remembered.of(address)

    def _note(self, address: Address, document: Document | None) -> None:
        if document is None:
            self._remembered.forget(address)
        else:
            self._remembered.note(address, document)

    async def write(self, writes: Sequence[Write]) -> None:
        try:
            await self._write(writes)
        except BaseException:
            for write in writes:
                self._remembered.forget(write.address)
            raise
        for write in writes:
            self._note(write.address, write.document)

    async def _write(self, writes: Sequence[Write]) -> None:
        self._fit(writes)
        uncertain = False

        async def once(attempts: Attempts) -> None:
            nonlocal uncertain
            try:
                await self._once(attempts, lambda store: store.write(writes))
            except UnavailableError as failure:
                uncertain = uncertain or not failure.facts.get("refused")
                raise
            except Refused:
                # It may be refused for what an attempt of its own has stored before its connection was lost.
                if not (uncertain and await self._has(writes)):
                    raise

        await self.persist(once, idempotent=True, statement="write")

    def _fit(self, writes: Sequence[Write]) -> None:
        """Raise InvalidValueError for a document that the store cannot keep."""
        most = self.capabilities.bytes
        if most is not None:
            for document in (write.document for write in writes):
                if document is not None and len(document.body.encode()) > most:
                    raise InvalidValueError(f"This store keeps at most {most:,} bytes in one record.")

    async def _has(self, writes: Sequence[Write]) -> bool:
        """Whether what `writes` store is stored."""
        stored = await self.get([write.address for write in writes])
        versions = [None if document is None else document.version for document in stored]
        return versions == [write.version for write in writes]

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        return await self._ask("find", lambda store: store.find(query, after=after, offset=offset, limit=limit))

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        """As the port has it."""
        most = self.capabilities.lists
        if most == 1:
            queries = [replace(query, values=(*query.values, value)) for value in values]
            return await self.state().together([partial(self.find, one) for one in queries], _LISTS_AT_ONCE)
        found: list[list[Document]] = []
        for part in parts(values, most):
            found += await self._find_part(query, part)
        return found

    async def _find_part(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        return await self._ask("find", lambda store: cast(ListsAtOnce, store).find_each(query, values))

    async def count(self, query: Query) -> int:
        return await self._ask("count", lambda store: store.count(query))

    async def latency(self, patience: float) -> float:
        """Seconds of one request on an open connection, waited for no longer than `patience` seconds each."""
        address = (next(iter(self._collections)), "")

        async def once(attempts: Attempts) -> float:
            began = time.perf_counter()
            await self._once(attempts, lambda store: store.get([address]))
            return time.perf_counter() - began

        await self.persist(once, idempotent=True, seconds=patience)  # it may open a connection
        return await self.persist(once, idempotent=True, seconds=patience)

    def failed(self, error: AgnoDbError) -> AgnoDbError:
        """As the port has it: there is no transaction."""
        return error

    async def pause(self, round: int) -> None:
        """As the port has it."""
        await self.state().sleep(random.uniform(0, min(_FIRST_PAUSE * 2.0 ** min(round, 20), _LONGEST_PAUSE)))

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[DocumentTransaction]:
        """One transaction. Raises UnsupportedOperationError where the store writes no batch as a whole."""
        if not self.capabilities.atomic:
            raise UnsupportedOperationError("This store cannot write several records as a whole.")
        transaction = DocumentTransaction(self)
        try:
            yield transaction
        except BaseException:
            transaction.roll_back()
            raise
        await transaction.commit()

    async def close(self) -> None:
        """Close every store. A closed executor that is used again raises ConfigurationError."""
        self._closed = True
        await self._clients.close()
        if self._threads is not None:
            self._threads.close()
