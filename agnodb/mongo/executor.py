"""The port through which repositories reach MongoDB: one command, and transactions of several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

READS = frozenset({"find", "find_one", "aggregate", "count_documents", "distinct"})


Change = tuple[str, Mapping[str, Any]]
"""One of many: the name of an operation of the drivers' (``UpdateOne``) and its arguments."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: a method of a driver's collection and its arguments. `name` (``sessions.upsert``) is for logs.

    Of `bulk_write` they are a list of `Change`.
    """

    name: str
    collection: str
    method: str
    args: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    idempotent: bool = False
    """Whether running it twice leaves what running it once leaves, and answers the same. Reads always are."""


class Executor(Protocol):
    """Runs commands: each on its own, or all of them inside one transaction."""

    @property
    def final(self) -> bool:
        """Whether what `run` has done is stored for good when it returns; inside a transaction it is not."""
        ...

    async def run(self, command: Command) -> Any:
        """What the driver's method returns; the documents of a cursor as a list.

        Raises a subclass of StorageError or ConfigurationError, never a driver's error.
        """
        ...

    def transaction(self) -> AbstractAsyncContextManager[Executor]:
        """One transaction of several documents; inside one, a block of it. On a server that has none it raises
        UnsupportedOperationError."""
        ...

    async def repeatable(self, work: Callable[[Executor], Awaitable[T]]) -> T:
        """What `work(executor)` returns, run in one transaction where the server has them, again after a conflict."""
        ...
