"""The port through which repositories reach a store: the store's methods, done again where that can help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agnodb.documents.store import Address, Document, DocumentStore, Query, Scalar
from agnodb.errors import AgnoDbError


class Executor(DocumentStore, Protocol):
    """As `DocumentStore`. A write that was stored before its connection was lost is not refused for that."""

    @property
    def final(self) -> bool:
        """Whether what `write` has done is stored for good when it returns."""
        ...

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        """All that `query` finds with each of `values` as the last one of its own: in as few requests as the store
        can, else several at once where there is an event loop."""
        ...

    def remembered(self, address: Address) -> Document | None:
        """What was read or written there lately, if it is known: what a write may be on the condition of.

        Others may have written since, so nothing may be told or left undone because of it.
        """
        ...

    def failed(self, error: AgnoDbError) -> AgnoDbError:
        """`error`, by which a request of a repository has failed: nothing more is done in its transaction."""
        ...

    async def pause(self, round: int) -> None:
        """Wait a moment, longer and at random in later rounds, before a write that was refused is tried again."""
        ...
