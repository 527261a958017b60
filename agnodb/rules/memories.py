"""Memories, as every family reads and deletes them by their ids."""

from __future__ import annotations

from collections.abc import Iterable

from agnodb.filters import present
from agnodb.records.memories import MemoryRecord
from agnodb.rules.keyed import Keyed


class Memories(Keyed[MemoryRecord]):
    """What `agnodb.contracts.memories.MemoryRepository` has for memories by their ids."""

    concept = "memories"
    record = MemoryRecord

    async def get(self, memory_id: str, *, user_id: str | None = None) -> MemoryRecord | None:
        return await self.one(memory_id, **present(user_id=user_id))

    async def delete(self, memory_id: str, *, user_id: str | None = None) -> bool:
        return await self.delete_one(memory_id, **present(user_id=user_id))

    async def delete_many(self, memory_ids: Iterable[str], *, user_id: str | None = None) -> int:
        return await self.delete_any(memory_ids, **present(user_id=user_id))
