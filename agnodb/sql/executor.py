"""The port through which repositories reach a database, and what passes through it.

Repositories decide; an executor waits. A `Shape` is a statement that was built once, with every value a named
bind; `execute` runs it with parameters. Everything that sleeps, locks, connects or retries is the executor's
business, so a repository is the same code over asyncio and without it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from sqlalchemy import Executable

Row = Sequence[Any]
T = TypeVar("T")


Statement: TypeAlias = tuple[Executable, Mapping[str, Any] | Sequence[Mapping[str, Any]]]
"""One statement of a `Steps` and its parameters; with many parameters, it is run for each of them."""


class Answer(NamedTuple):
    """What a statement of a `Steps` answers."""

    rows: Sequence[Row]
    rowcount: int


class Ask(Protocol):
    """Runs statements of a `Steps`, one after the other, on the connection of all of them."""

    def __call__(self, *statements: Statement, last: bool = False) -> Sequence[Answer]:
        """Their answers. They may travel together; and with the end of the transaction, if they are the `last`: where
        one of them fails, they are not."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Steps:
    """Several statements that stand for one, where a database cannot say it in one: they are one transaction.

    `run(ask, parameters)` gives the rows that the one statement would give.
    """

    run: Callable[[Ask, Mapping[str, Any]], Sequence[Row]]


@dataclass(frozen=True, eq=False, slots=True)
class Shape:
    """One prepared statement. `name` (``sessions.upsert``) is for errors, counts and logs."""

    name: str
    statement: Executable | Steps
    idempotent: bool = False
    """Whether running it twice leaves what running it once leaves, and answers the same."""


class Executor(Protocol):
    """Runs shapes: each on its own, or all of them inside one transaction."""

    @property
    def final(self) -> bool:
        """Whether what `execute` has done is stored for good when it returns; inside a transaction it is not: whoever
        ends that may still undo it."""
        ...

    async def execute(self, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """The rows of `shape` run with `parameters`; none for a statement that returns none.

        Outside a transaction the statement is its own (autocommit). When the database was not reached or has refused
        it for the moment, it is run again for some seconds; when the connection was lost, which leaves open whether
        it was done, only if the shape is idempotent. Raises a subclass of StorageError or ConfigurationError;
        never a driver's error.
        """
        ...

    def transaction(self) -> AbstractAsyncContextManager[Unit]:
        """One transaction: commits at the end of the block, rolls back when the block raises.

        It begins with its first statement. A statement that fails ends it: nothing of it is stored, and its block
        raises at its end if it did not before. Inside a transaction it is a savepoint: the block is undone when it
        raises, and stored when the outermost one is. What else is run on the outer executor meanwhile waits for it.
        """
        ...

    async def repeatable(self, work: Callable[[Executor], Awaitable[T]]) -> T:
        """What `work(executor)` returns, run in one transaction, and again from its beginning as an idempotent
        shape is. Inside a transaction it is run once: the outermost block is not ours to repeat."""
        ...


class Unit(Executor, Protocol):
    """An executor inside a transaction."""

    def savepoint(self) -> AbstractAsyncContextManager[Unit]:
        """As `transaction`, for the application: what is run on this executor meanwhile raises ConfigurationError."""
        ...
