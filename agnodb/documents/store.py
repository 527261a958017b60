"""The waist: what a backend must be able to do, and nothing else.

A store keeps documents by their keys in collections, and lists of them by declared indexes. It knows no concept and no
rule: the repositories above decide everything, and need one promise, that a write is done on the condition that
nobody else has written what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from agnodb.errors import ConflictError, UnsupportedOperationError

Scalar = str | int
"""A value of an index. All values of one field are of one type, and sort as Python sorts them (texts by code point)."""

Address = tuple[str, str]
"""A collection, and a key in it."""


class Index(NamedTuple):
    """A list: the documents that have all `fields` and `sort`, by the values of `fields`, in the order of `sort` and,
    where that is the same, of their keys."""

    fields: tuple[str, ...]
    sort: str
    descending: bool | None = None
    """The one direction in which it is asked for by whoever asks often; None: both. A store whose indexes have a
    direction needs no other one, and may take longer for it."""


@dataclass(frozen=True, slots=True)
class Document:
    """One record."""

    key: str
    body: str
    """Its JSON text, which means nothing to a store."""
    fields: Mapping[str, Scalar]
    """What indexes can be over. A field without a value is absent."""
    version: str
    """Another one after every write. Whoever writes chooses it."""


@dataclass(frozen=True, slots=True)
class Write:
    """Store `document` at its address, or delete what is there (None), if what is there has the version `expected`."""

    address: Address
    document: Document | None
    expected: str | None
    """None: there must be nothing."""

    @property
    def version(self) -> str | None:
        """The version that is stored by this; None when it deletes."""
        return None if self.document is None else self.document.version


@dataclass(frozen=True, slots=True)
class Query:
    """Documents of an index whose fields have `values`, and whose `sort` is from `low` to `high`, both included."""

    collection: str
    index: Index
    values: tuple[Scalar, ...] = ()
    low: Scalar | None = None
    high: Scalar | None = None
    descending: bool = False


class Refused(ConflictError):
    """The document at `address` does not have the version that a write expects: nothing of the batch was written,
    unless the store is not `atomic`. Repositories look again; no caller of theirs sees it."""

    def __init__(self, address: Address) -> None:
        super().__init__(address=address)
        self.address = address


class TooLarge(UnsupportedOperationError):
    """The batch is more than the store writes as a whole, though not more records than `batch`: nothing of it was
    written. Half of it may do; one write always does."""

    default_message = "This is more than the store can write as a whole."


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What differs between stores, as data."""

    atomic: bool = True
    """Whether a batch is written whole or not at all. If not, it is written in its order up to the first refusal."""
    batch: int = 1_000
    """The most writes of one batch."""
    lists: int = 1
    """The most lists that one request reads, where it can read several: then the store has `find_each` too."""
    bytes: int | None = None
    """The most bytes of a document's text; a longer one is refused with InvalidValueError."""
    shared: bool = True
    """Whether several processes may use it at once."""
    expires: bool = False
    """Whether it can let records expire by itself."""
    blocking: bool = False
    """Whether the store's coroutines never suspend but may wait: with an event loop they are run in threads."""
    threads: int = 1
    """How many of them may wait at once, for each event loop. A store that has a lock around each needs one."""


class DocumentStore(Protocol):
    """Raises subclasses of StorageError and ConfigurationError, never a driver's error."""

    capabilities: Capabilities

    async def prepare(self, collections: Mapping[str, Sequence[Index]]) -> None:
        """Make the collections with their indexes, as far as they are missing. May be called again, by several
        processes at once."""
        ...

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        """The documents, None where there is none. One request, for as many as one request can have."""
        ...

    async def write(self, writes: Sequence[Write]) -> None:
        """Write a batch. Raises Refused, which names the first address that is not as expected, and TooLarge."""
        ...

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        """What `query` finds, in its order: `limit` documents at most, without the first `offset`, and without those up
        to `after` and itself."""
        ...

    async def count(self, query: Query) -> int:
        """The number of what `query` finds, without reading the documents."""
        ...

    async def close(self) -> None:
        """Give up connections and files."""
        ...


class ListsAtOnce(Protocol):
    """What a store has besides whose `Capabilities.lists` is more than one."""

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        """All that `query` finds with each of `values` as the last one of its own."""
        ...
