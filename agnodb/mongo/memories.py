"""Memories in MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agnodb import clock
from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.mongo.documents import decoded
from agnodb.mongo.repository import Document, MongoRepository
from agnodb.mongo.searching import within
from agnodb.records.memories import SAVED_AGAIN, MemoryRecord, UserMemories
from agnodb.rules.memories import Memories
from agnodb.rules.values import integer_in, text_in
from agnodb.text import decode_text

_A_LIST = {"topics.0": {"$exists": True}}


class MongoMemoryRepository(Memories, MongoRepository[MemoryRecord]):
    """See `agnodb.contracts.memories.MemoryRepository`."""

    idempotent = frozenset({"upsert"})

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
        match = self.fields.encode(present(user_id=user_id, agent_id=agent_id, team_id=team_id))
        if topics:
            match["topics"] = {"$all": self.fields.encode({"topics": list(topics)})["topics"]}
            match.update(_A_LIST)
        if search is not None:
            match.update(within("memory", search))
        return await self.paged(page, match)

    async def upsert(self, memory: MemoryRecord, *, updated_at: int | None = None) -> MemoryRecord:
        now = clock.now()
        created_at = now if memory.created_at is None else memory.created_at
        own = memory.updated_at if updated_at is None else updated_at
        first = {"created_at": created_at, "updated_at": created_at if own is None else own}
        given = self.fields.encode({**self.fields.values(memory), **first})
        changes: dict[str, Any] = {name: given[name] for name in SAVED_AGAIN}
        changes["updated_at"] = now if updated_at is None else integer_in(updated_at)
        stored = await self.upsert_owned(changes, given)
        if stored is None:
            raise OwnershipError(memory_id=memory.memory_id, user_id=memory.user_id)
        return stored

    async def topics(self, *, user_id: str | None = None) -> list[str]:
        found = await self.call(
            "topics", "distinct", "topics", {**self.fields.encode(present(user_id=user_id)), **_A_LIST}
        )
        return sorted({topic for topic in map(decoded, found) if isinstance(topic, str)})

    async def users(self, page: Page, *, user_id: str | None = None) -> tuple[list[UserMemories], int]:
        match: Document = {"user_id": {"$ne": None} if user_id is None else text_in(user_id)}
        group = {"_id": "$user_id", "total": {"$sum": 1}, "latest": {"$max": "$updated_at"}}
        stages: list[Document] = [{"$match": match}, {"$group": group}, {"$sort": {"latest": -1, "_id": 1}}]
        return await self.grouped(
            "users",
            stages,
            page,
            lambda row: UserMemories(
                user_id=decode_text(row["_id"]), total_memories=row["total"], last_memory_updated_at=row["latest"]
            ),
        )

    async def clear(self) -> None:
        await self.delete_where({})
