"""The repository of memories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from agnodb.filters import Page
from agnodb.records.memories import MemoryRecord, UserMemories


class MemoryRepository(Protocol):
    """Memories by id and by user."""

    async def get(self, memory_id: str, *, user_id: str | None = None) -> MemoryRecord | None:
        """The memory, or None when there is none (of that user)."""
        ...

    async def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        topics: Sequence[str] | None = None,
        search: str | None = None,
    ) -> tuple[list[MemoryRecord], int]:
        """One page of memories that have all `topics` and `search` as a literal substring, and their number."""
        ...

    async def upsert(self, memory: MemoryRecord, *, updated_at: int | None = None) -> MemoryRecord:
        """Insert the memory or change it; the stored row comes back. One atomic statement.

        The stored owner and creation time are never changed; `updated_at` becomes the current time when a row is
        changed, or what is given (epoch seconds). Raises OwnershipError when it is another user's.
        """
        ...

    async def topics(self, *, user_id: str | None = None) -> list[str]:
        """Every topic of the memories (of that user), once, in order."""
        ...

    async def users(self, page: Page, *, user_id: str | None = None) -> tuple[list[UserMemories], int]:
        """One page of the users with memories, the latest change first, and the number of all such users."""
        ...

    async def delete(self, memory_id: str, *, user_id: str | None = None) -> bool:
        """Delete the memory; False when there is none (of that user)."""
        ...

    async def delete_many(self, memory_ids: Iterable[str], *, user_id: str | None = None) -> int:
        """Delete memories (of that user); the number deleted."""
        ...

    async def clear(self) -> None:
        """Delete all memories of all users."""
        ...
