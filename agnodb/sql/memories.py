"""Memories in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Executable, bindparam, delete, func, select

from agnodb import clock, codec
from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.records.memories import SAVED_AGAIN, MemoryRecord, UserMemories
from agnodb.rules.memories import Memories
from agnodb.rules.values import integer_in
from agnodb.sql.dialects.base import like_pattern
from agnodb.sql.ownership import keep_owner, may_write
from agnodb.sql.repository import SqlRepository
from agnodb.sql.searching import Search, SearchedColumn, document_texts
from agnodb.text import decode_text


class SqlMemoryRepository(Memories, SqlRepository[MemoryRecord]):
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
        conditions: dict[str, Callable[[], ColumnElement[bool]]] = {}
        parameters: dict[str, Any] = {}
        if topics:
            conditions["topics"] = lambda: self.dialect.json_array_has_all(self.table.c.topics, "all_topics")
            parameters["all_topics"] = codec.encode(list(topics))
        if search is not None:
            searched = Search.of(
                self.dialect, "search", {like_pattern(text): [text] for text in document_texts(search)}
            )
            conditions[" or ".join(searched.binds)] = lambda: self._searched().found(searched)
            parameters.update(searched.parameters)
        filters = present(user_id=user_id, agent_id=agent_id, team_id=team_id)
        return await self.paged(page, filters, conditions=conditions, parameters=parameters)

    def _searched(self) -> SearchedColumn:
        text = self.dialect.json_as_text(self.table.c.memory)
        return SearchedColumn(self.dialect, self.key, text, self.tables.grams[self.concept])

    async def upsert(self, memory: MemoryRecord, *, updated_at: int | None = None) -> MemoryRecord:
        now = clock.now()
        created_at = now if memory.created_at is None else memory.created_at
        now = now if updated_at is None else integer_in(updated_at)
        own = memory.updated_at if updated_at is None else updated_at
        values = {
            **self.rows.values(memory),
            "created_at": created_at,
            "updated_at": created_at if own is None else own,
        }
        stored = await self.first("upsert", self._upsert, {**self.rows.parameters(values), "now": now})
        if stored is None:
            raise OwnershipError(memory_id=memory.memory_id, user_id=memory.user_id)
        return stored

    def _upsert(self) -> Executable:
        values = self.rows.binds(c.name for c in self.rows.columns)
        update = {
            **{name: values[name] for name in SAVED_AGAIN},
            "user_id": keep_owner(self.table, values["user_id"]),
            "updated_at": bindparam("now", type_=BigInteger()),
        }
        owned = may_write(self.table, values["user_id"])
        statement = self.dialect.upsert(self.table, values, ["memory_id"], update, owned)
        return statement.returning(*self.rows.selected())

    async def topics(self, *, user_id: str | None = None) -> list[str]:
        filters = present(user_id=user_id)
        rows = await self.run("topics", self._topics, self.rows.parameters(filters), *filters)
        topics = (codec.decode(row[0]) for row in rows)
        return sorted(topic for topic in topics if isinstance(topic, str))

    def _topics(self, *names: str) -> Executable:
        source, topic = self.dialect.json_elements(self.table, self.table.c.topics)
        chosen = select(topic).distinct().select_from(source)
        return chosen.where(topic.is_not(None), *self.equal(names))

    async def users(self, page: Page, *, user_id: str | None = None) -> tuple[list[UserMemories], int]:
        return await self.groups(
            "users",
            self._users,
            page,
            present(user_id=user_id),
            lambda row: UserMemories(user_id=decode_text(row[0]), total_memories=row[1], last_memory_updated_at=row[2]),
        )

    def _users(self, *names: str) -> Any:
        user_id, latest = self.table.c.user_id, func.max(self.table.c.updated_at)
        owned = select(user_id, func.count(), latest).where(user_id.is_not(None), *self.equal(names))
        return owned.group_by(user_id).order_by(latest.desc(), user_id)

    async def clear(self) -> None:
        await self.run("clear", lambda: delete(self.table), {})
