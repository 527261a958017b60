"""Learnings in MongoDB."""

from __future__ import annotations

from typing import Any

from agnodb import clock
from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page, present
from agnodb.mongo.documents import unfolded
from agnodb.mongo.ownership import claimable
from agnodb.mongo.repository import MongoRepository
from agnodb.records.learnings import LearningRecord
from agnodb.rules.learnings import Learnings
from agnodb.rules.searching import words_in_document
from agnodb.rules.statistics import USER_CHANGED, USERS
from agnodb.text import decode_text


class MongoLearningRepository(Learnings, MongoRepository[LearningRecord]):
    """See `agnodb.contracts.learnings.LearningRepository`."""

    idempotent = frozenset({"upsert", "update"})

    # -- reads ------------------------------------------------------------------------------------------------

    async def latest(
        self, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        match = self.fields.encode(present(**filters, user_id=user_id))
        return [self.read(row) for row in await self.first("latest", match, limit)]

    async def search(
        self, query: str, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        if not isinstance(query, str):
            raise InvalidValueError("A text is needed here.", detail=repr(type(query)))
        Page(limit).checked(self.listing)
        pattern, match = words_in_document(query), self.fields.encode(present(**filters, user_id=user_id))
        if pattern is None or limit == 0:
            return []
        # A document has no text that the server could look at: what the filters leave is looked at here.
        rows = await self.first("search", match)
        found = [row for row in rows if pattern.search(unfolded(row.get("content")) or "")]
        return [self.read(row) for row in found[:limit]]

    async def user_stats(
        self, page: Page, *, learning_type: str | None = None, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        page = page.checked(USERS)
        match = {"user_id": {"$ne": None}, **self.fields.encode(present(learning_type=learning_type, user_id=user_id))}
        last, way = {"$ifNull": ["$updated_at", "$created_at"]}, 1 if page.sort_order == "asc" else -1
        order = {"_id": way} if page.sort_by == "user_id" else {"last": way, "_id": way}
        stages = [{"$match": match}, {"$group": {"_id": "$user_id", "last": {"$max": last}}}, {"$sort": order}]
        return await self.grouped(
            "user_stats",
            stages,
            Page(page.limit, page.page),
            lambda row: {"user_id": decode_text(row["_id"]), USER_CHANGED: row["last"]},
        )

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, learning: LearningRecord) -> LearningRecord:
        now = clock.now()
        created_at = now if learning.created_at is None else learning.created_at
        updated_at = now if learning.updated_at is None else learning.updated_at
        values = {**self.fields.values(learning), "created_at": created_at, "updated_at": updated_at}
        given = self.fields.encode(values)
        changes = {"content": given["content"], "metadata": given["metadata"], "updated_at": now}
        stored = await self.upsert_owned(changes, given)
        if stored is None:
            raise OwnershipError(learning_id=learning.learning_id, user_id=learning.user_id)
        return stored

    async def update(self, learning_id: str, content: Any, metadata: Any = None) -> bool:
        changes = {"content": content, "metadata": metadata, "updated_at": clock.now()}
        match = self.fields.encode({"learning_id": learning_id})
        done = await self.call("update", "update_one", match, {"$set": self.fields.encode(changes)})
        return bool(done.matched_count)

    async def delete_of_user(self, user_id: str, *, learning_type: str | None = None) -> int:
        match = self.fields.encode({"user_id": user_id, **present(learning_type=learning_type)})
        return await self.delete_where({"user_id": {"$ne": None}, "$and": [match]})

    # -- pages: after everything that names the type of the same name -----------------------------------------

    async def page(
        self, page: Page, *, include_unowned: bool = False, user_id: str | None = None, **filters: str | None
    ) -> tuple[list[LearningRecord], int]:
        given = self.fields.encode(present(**filters, user_id=user_id))
        if include_unowned and user_id is not None:
            given.update(claimable(given["user_id"]))
        return await self.paged(page, given)
