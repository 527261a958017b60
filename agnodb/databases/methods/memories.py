"""agno's memory methods."""

from __future__ import annotations

from typing import Any

from agnodb.databases.methods.base import Methods
from agnodb.filters import Page
from agnodb.records.memories import MemoryRecord


class MemoryMethods(Methods):
    """What agents remember of users."""

    async def get_user_memory(self, memory_id: str, deserialize: bool | None = True, user_id: str | None = None) -> Any:
        """The memory, or None when there is none (of that user)."""
        memory = await self.repositories.memories.get(memory_id, user_id=user_id)
        return None if memory is None else self._memory_given(memory, deserialize)

    def _memory_given(self, memory: MemoryRecord, deserialize: bool | None) -> Any:
        return self.objects.memory(memory) if deserialize else memory.to_dict()

    async def get_user_memories(
        self,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        topics: list[str] | None = None,
        search_content: str | None = None,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        deserialize: bool | None = True,
    ) -> Any:
        """A page of memories that have all `topics` and hold `search_content` as a literal: a list of objects, or
        (dictionaries, number of all that match). One statement."""
        memories, total = await self.repositories.memories.page(
            Page(limit, page, sort_by, sort_order),
            user_id=user_id,
            agent_id=agent_id,
            team_id=team_id,
            topics=topics,
            search=search_content,
        )
        given = [self._memory_given(memory, deserialize) for memory in memories]
        return given if deserialize else (given, total)

    async def upsert_user_memory(self, memory: Any, deserialize: bool | None = True) -> Any:
        """Save the memory; the stored one comes back. A memory without an id gets one. One atomic statement.

        Raises OwnershipError when it is another user's.
        """
        stored = await self.repositories.memories.upsert(self.objects.memory_record(memory))
        return self._memory_given(stored, deserialize)

    async def upsert_memories(
        self, memories: list[Any], deserialize: bool | None = True, preserve_updated_at: bool = False
    ) -> list[Any]:
        """Save all memories or none; the stored ones come back in order. One transaction.

        With `preserve_updated_at` they keep their own time of change. Raises OwnershipError when one is another user's.
        """
        records = [self.objects.memory_record(memory) for memory in memories]
        async with self.transaction() as repositories:
            stored = [
                await repositories.memories.upsert(
                    record, updated_at=record.updated_at if preserve_updated_at else None
                )
                for record in records
            ]
        return [self._memory_given(memory, deserialize) for memory in stored]

    async def get_all_memory_topics(self, user_id: str | None = None) -> list[str]:
        """Every topic of the memories (of that user), once."""
        return await self.repositories.memories.topics(user_id=user_id)

    async def get_user_memory_stats(
        self, limit: int | None = None, page: int | None = None, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the users with memories, the latest change first, and their number. One statement."""
        users, total = await self.repositories.memories.users(Page(limit, page), user_id=user_id)
        return [
            {
                "user_id": user.user_id,
                "total_memories": user.total_memories,
                "last_memory_updated_at": user.last_memory_updated_at,
            }
            for user in users
        ], total

    async def delete_user_memory(self, memory_id: str, user_id: str | None = None) -> None:
        """Delete the memory (of that user), if there is one."""
        await self.repositories.memories.delete(memory_id, user_id=user_id)

    async def delete_user_memories(self, memory_ids: list[str], user_id: str | None = None) -> None:
        """Delete memories (of that user)."""
        await self.repositories.memories.delete_many(memory_ids, user_id=user_id)

    async def clear_memories(self) -> None:
        """Delete all memories of all users."""
        await self.repositories.memories.clear()
