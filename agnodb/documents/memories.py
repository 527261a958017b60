"""Memories in a document store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from agnodb import clock, codec
from agnodb.documents.grouping import page_of
from agnodb.documents.lists import Chosen
from agnodb.documents.repository import DocumentRepository
from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.records.memories import SAVED_AGAIN, MemoryRecord, UserMemories
from agnodb.rules.memories import Memories
from agnodb.rules.ownership import may_write
from agnodb.rules.searching import contains
from agnodb.rules.values import integer_in


class DocumentMemoryRepository(Memories, DocumentRepository[MemoryRecord]):
    """See `agnodb.contracts.memories.MemoryRepository`."""

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
        filters = self.map.scalars(present(user_id=user_id, agent_id=agent_id, team_id=team_id))
        return await self.paged(page, Chosen(filters, keep=_about(topics, search)))

    async def upsert(self, memory: MemoryRecord, *, updated_at: int | None = None) -> MemoryRecord:
        now = clock.now()
        created_at = now if memory.created_at is None else memory.created_at
        own = memory.updated_at if updated_at is None else updated_at
        first = replace(memory, created_at=created_at, updated_at=created_at if own is None else own)
        user_id = self.map.checked({"user_id": memory.user_id})["user_id"]
        changed_at = now if updated_at is None else integer_in(updated_at)

        def changed(stored: MemoryRecord | None) -> MemoryRecord:
            if stored is None:
                return first
            if not may_write(stored.user_id, user_id):
                raise OwnershipError(memory_id=memory.memory_id, user_id=memory.user_id)
            owner = stored.user_id if user_id is None else user_id
            changes = {name: getattr(memory, name) for name in SAVED_AGAIN}
            return replace(stored, **changes, updated_at=changed_at, user_id=owner)

        stored = await self.compare_and_set(memory.memory_id, changed)
        assert stored is not None
        return stored

    async def topics(self, *, user_id: str | None = None) -> list[str]:
        found = await self.all_of(self.chosen(**present(user_id=user_id)))
        lists = (memory.topics for memory in found if isinstance(memory.topics, list))
        return sorted({topic for topics in lists for topic in topics if isinstance(topic, str)})

    async def users(self, page: Page, *, user_id: str | None = None) -> tuple[list[UserMemories], int]:
        totals: Counter[str] = Counter()
        latest: dict[str, int] = {}
        for memory in await self.all_of(self.chosen(**present(user_id=user_id))):
            if memory.user_id is not None:
                totals[memory.user_id] += 1
                latest[memory.user_id] = max(latest.get(memory.user_id, 0), memory.updated_at or 0)
        users = sorted(sorted(totals), key=lambda user: -latest[user])
        found = [
            UserMemories(user_id=user, total_memories=totals[user], last_memory_updated_at=latest[user] or None)
            for user in users
        ]
        return page_of(found, page.checked(self.listing))

    async def clear(self) -> None:
        await self.delete_chosen(self.chosen())


def _about(topics: Sequence[str] | None, search: str | None) -> Callable[[MemoryRecord], bool] | None:
    """Whether a memory has all `topics` and the text `search`; None where neither is asked for."""
    if not topics and search is None:
        return None
    pattern = None if search is None else contains(search)

    def fits(memory: MemoryRecord) -> bool:
        if topics and not (isinstance(memory.topics, list) and all(topic in memory.topics for topic in topics)):
            return False
        text = memory.memory if isinstance(memory.memory, str) else codec.encode(memory.memory)
        return pattern is None or pattern.search(text) is not None

    return fits
