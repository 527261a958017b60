"""Transactions over a document store: what is written is kept until the end, and then written as one batch.

A transaction sees what it has written itself. It locks nothing: what it changes must still be as it was when the
transaction read it, or nothing of it is stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from agnodb.documents.executor import Executor
from agnodb.documents.store import Address, Capabilities, Document, Query, Refused, Scalar, Write
from agnodb.errors import AgnoDbError, ConfigurationError, StorageError, UnavailableError, UnsupportedOperationError
from agnodb.executors.transactions import FAILED

T = TypeVar("T")

_ENDED = "This block has ended, or a savepoint of it is open: use what that gives."


class DocumentTransaction:
    """Keeps what is written inside one transaction or savepoint. See `agnodb.documents.executor.Executor`."""

    final = False

    def __init__(self, executor: Executor, read: dict[Address, Document | None] | None = None) -> None:
        self._executor = executor
        self._read: dict[Address, Document | None] = {} if read is None else read
        """What was stored when it was first looked at."""
        self._written: dict[Address, Document | None] = {}
        self._failure: AgnoDbError | None = None
        self._open = True

    @property
    def capabilities(self) -> Capabilities:
        """Those of the store."""
        return self._executor.capabilities

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        return await self._asked(self._get(addresses))

    async def _get(self, addresses: Sequence[Address]) -> list[Document | None]:
        unknown = [a for a in dict.fromkeys(addresses) if a not in self._read and a not in self._written]
        if unknown:
            self._read.update(zip(unknown, await self._executor.get(unknown), strict=True))
        return [self._written[a] if a in self._written else self._read[a] for a in addresses]

    def remembered(self, _address: Address) -> Document | None:
        """None: where it is not so any more, all of the transaction would have to be done again."""
        return None

    async def write(self, writes: Sequence[Write]) -> None:
        await self._asked(self._write(writes))

    async def _write(self, writes: Sequence[Write]) -> None:
        stored = await self._get([write.address for write in writes])
        for write, document in zip(writes, stored, strict=True):
            if (None if document is None else document.version) != write.expected:
                # A list may have shown what was written after this transaction first looked at it.
                raise Refused(write.address)
        self._written.update({write.address: write.document for write in writes})

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        found = await self._asked(self._find(query))
        if after is not None:
            place = _place(query, after)
            found = [d for d in found if (_place(query, d) < place if query.descending else _place(query, d) > place)]
        return found[offset : None if limit is None else offset + limit]

    async def _find(self, query: Query) -> list[Document]:
        """All that `query` finds, in its order, with what was written here."""
        stored = await self._executor.find(query)
        for document in stored:
            self._read.setdefault((query.collection, document.key), document)
        others = [document for document in stored if (query.collection, document.key) not in self._written]
        own = [d for a, d in self._written.items() if a[0] == query.collection and d is not None and _fits(query, d)]
        return sorted([*others, *own], key=lambda document: _place(query, document), reverse=query.descending)

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        return [await self.find(replace(query, values=(*query.values, value))) for value in values]

    async def count(self, query: Query) -> int:
        return len(await self._asked(self._find(query)))

    def failed(self, error: AgnoDbError) -> AgnoDbError:
        """As the port has it."""
        self._failure = error
        return error

    async def pause(self, round: int) -> None:
        """As the port has it."""
        await self._executor.pause(round)

    async def prepare(self, _collections: Any = None) -> None:
        """Nothing: a transaction begins when all is prepared."""

    async def close(self) -> None:
        """Nothing: the store stays open."""

    async def _asked(self, request: Coroutine[Any, Any, T]) -> T:
        try:
            self._usable()
            return await request
        except (Refused, ConfigurationError):
            raise
        except AgnoDbError as error:
            self._failure = self._failure or error
            raise
        finally:
            request.close()

    def _usable(self) -> None:
        if not self._open:
            raise ConfigurationError(_ENDED)
        if self._failure is not None:
            raise StorageError(FAILED) from self._failure

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncIterator[DocumentTransaction]:
        """A part that can fail by itself."""
        self._usable()
        part = DocumentTransaction(self._executor, self._read)
        part._written = dict(self._written)
        self._open = False
        try:
            yield part
        finally:
            self._open, part._open = True, False
        if part._failure is not None:
            raise StorageError(FAILED) from part._failure
        self._written = part._written

    nested = savepoint

    async def commit(self) -> None:
        """Store all that was written, as one batch. Raises UnavailableError where others have written it meanwhile."""
        self._open = False
        if self._failure is not None:
            raise StorageError(FAILED) from self._failure
        versions = {address: None if (d := self._read[address]) is None else d.version for address in self._written}
        writes = [Write(address, document, versions[address]) for address, document in self._written.items()]
        writes = [write for write in writes if write.document is not None or write.expected is not None]
        if len(writes) > self.capabilities.batch:
            message = f"This store writes at most {self.capabilities.batch} records in one transaction."
            raise UnsupportedOperationError(message)
        try:
            if writes:
                await self._executor.write(writes)
        except Refused:
            raise UnavailableError("Others have written this meanwhile. Do the transaction again.") from None

    def roll_back(self) -> None:
        """Forget all that was written."""
        self._open = False


def _place(query: Query, document: Document) -> tuple[Any, str]:
    return document.fields[query.index.sort], document.key


def _fits(query: Query, document: Document) -> bool:
    value: Any = document.fields.get(query.index.sort)
    if value is None or (query.low is not None and value < query.low):
        return False
    if query.high is not None and value > query.high:
        return False
    return tuple(document.fields.get(name) for name in query.index.fields) == query.values
