"""What a database and each of its transactions have alike, and what `db.transaction()` gives."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from agnodb.agno.base import refused
from agnodb.contracts.objects import Objects
from agnodb.contracts.repositories import Repositories
from agnodb.databases.media import Gone, watched
from agnodb.databases.methods.all import AllMethods
from agnodb.executors.media import MediaObjects


class Store(AllMethods):
    """The repositories of one executor, and agno's flat methods over them."""

    _media: MediaObjects | None = None

    def __init__(self, repositories: Repositories, objects: Objects, place: str | None, media: Any = None) -> None:
        self.objects, self._place = objects, place
        if media is not None:
            self._media = media.awaiting()
        self.repositories = repositories = watched(repositories, self._media)
        self.sessions, self.runs = repositories.sessions, repositories.runs
        self.memories, self.knowledge = repositories.memories, repositories.knowledge
        self.eval_runs, self.schema_versions = repositories.eval_runs, repositories.schema_versions
        self.approvals, self.schedules = repositories.approvals, repositories.schedules
        self.schedule_runs = repositories.schedule_runs
        self.traces, self.spans = repositories.traces, repositories.spans
        self.learnings, self.metrics = repositories.learnings, repositories.metrics

    @contextlib.asynccontextmanager
    async def _in_transaction(
        self, begun: contextlib.AbstractAsyncContextManager[Any], make: Callable[[Any], Repositories], *, ours: bool
    ) -> AsyncIterator[Transaction]:
        """The transaction that `begun` begins. `make` gives the repositories over its unit. Media of what it deletes
        are given up after its commit, if it is `ours` to know of."""
        gone = None if self._media is None else Gone(self._media)
        async with begun as unit:
            yield Transaction(unit, lambda one: watched(make(one), self._media, gone), self.objects, self._place)
        if gone is not None and ours:
            await gone.release(self.repositories.runs)


class Transaction(Store):
    """The repositories and agno's flat methods inside one transaction, or one savepoint.

    A statement that fails ends its block: nothing of that block is stored, whoever catches the error. What may fail
    has a savepoint. A method that does nothing or refuses (an OwnershipError) has not failed in this sense.
    """

    def __init__(self, unit: Any, make: Callable[[Any], Repositories], objects: Objects, place: str | None) -> None:
        """`make` gives the family's repositories over `unit`, its executor inside a transaction."""
        super().__init__(make(unit), objects, place)
        self._unit, self._make = unit, make

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncIterator[Transaction]:
        """A part of the transaction that can fail by itself.

            async with tx.savepoint() as part:
                await part.runs.upsert(run)

        An error in the block undoes what the block did, and is raised unchanged; whoever catches it goes on with the
        transaction. Until the block ends, the outer object raises ConfigurationError: there is one connection.
        """
        async with self._unit.savepoint() as unit:
            yield Transaction(unit, self._make, self.objects, self._place)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction in a transaction is a savepoint of it.

        Where there are none (MongoDB) it is a block whose failure undoes the whole.
        """
        async with self._unit.nested() as unit:
            yield Transaction(unit, self._make, self.objects, self._place)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return refused(name)
