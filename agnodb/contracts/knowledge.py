"""The repository of knowledge contents."""

from __future__ import annotations

from typing import Protocol

from agnodb.filters import Page
from agnodb.records.knowledge import KnowledgeRecord


class KnowledgeRepository(Protocol):
    """Knowledge contents. One without an owner is shared: every user reads it, none of them changes it."""

    async def get(self, id: str, *, user_id: str | None = None) -> KnowledgeRecord | None:
        """The content, or None when there is none (of that user or shared)."""
        ...

    async def page(
        self, page: Page, *, linked_to: str | None = None, user_id: str | None = None
    ) -> tuple[list[KnowledgeRecord], int]:
        """One page of contents (of that user or shared) and the number of all that match."""
        ...

    async def upsert(self, content: KnowledgeRecord) -> None:
        """Insert the content, or set those of its fields that are not None. One atomic statement.

        The stored owner and creation time are never changed. Raises OwnershipError when `user_id` is given and
        the stored content is another user's, or shared.
        """
        ...

    async def delete(self, id: str, *, user_id: str | None = None) -> bool:
        """Delete the content; False when there is none (of that user)."""
        ...
