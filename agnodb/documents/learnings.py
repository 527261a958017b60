"""Learnings in a document store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb import clock, codec
from agnodb.documents.encoding import owner_list
from agnodb.documents.grouping import page_of
from agnodb.documents.lists import Chosen
from agnodb.documents.repository import DocumentRepository
from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page, present
from agnodb.records.learnings import LearningRecord
from agnodb.rules.learnings import Learnings
from agnodb.rules.ownership import may_write
from agnodb.rules.searching import words_in_document
from agnodb.rules.statistics import USER_CHANGED, USERS
from agnodb.rules.values import text_in


class DocumentLearningRepository(Learnings, DocumentRepository[LearningRecord]):
    """See `agnodb.contracts.learnings.LearningRepository`."""

    @staticmethod
    def derived(record: Any) -> Mapping[str, Any]:
        return {"owner": owner_list(None if record.user_id is None else text_in(record.user_id))}

    # -- reads ------------------------------------------------------------------------------------------------

    async def latest(
        self, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        chosen = self.chosen(**present(**filters, user_id=user_id))
        rows, _ = await self.paged(Page(limit), chosen)
        return rows

    async def search(
        self, query: str, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        if not isinstance(query, str):
            raise InvalidValueError("A text is needed here.", detail=repr(type(query)))
        Page(limit).checked(self.listing)
        pattern, chosen = words_in_document(query), self.chosen(**present(**filters, user_id=user_id))
        if pattern is None or limit == 0:
            return []
        found = replace(chosen, keep=lambda learning: pattern.search(codec.encode(learning.content)) is not None)
        rows, _ = await self.paged(Page(limit), found)
        return rows

    async def user_stats(
        self, page: Page, *, learning_type: str | None = None, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        page = page.checked(USERS)
        last: dict[str, int] = {}
        filters = present(learning_type=learning_type, user_id=user_id)
        for learning in await self.all_of(self.chosen(**filters)):
            if learning.user_id is not None:
                changed = learning.updated_at or learning.created_at or 0
                last[learning.user_id] = max(last.get(learning.user_id, 0), changed)
        backwards = page.sort_order == "desc"
        users = sorted(last, reverse=backwards)
        if page.sort_by == USER_CHANGED:
            users.sort(key=lambda user: last[user], reverse=backwards)
        return page_of([{"user_id": user, USER_CHANGED: last[user]} for user in users], page)

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, learning: LearningRecord) -> LearningRecord:
        now = clock.now()
        created_at = now if learning.created_at is None else learning.created_at
        updated_at = now if learning.updated_at is None else learning.updated_at
        user_id = self.map.checked({"user_id": learning.user_id})["user_id"]

        def changed(stored: LearningRecord | None) -> LearningRecord:
            if stored is None:
                return replace(learning, created_at=created_at, updated_at=updated_at)
            if not may_write(stored.user_id, user_id):
                raise OwnershipError(learning_id=learning.learning_id, user_id=learning.user_id)
            owner = stored.user_id if user_id is None else user_id
            content, metadata = learning.content, learning.metadata
            return replace(stored, content=content, metadata=metadata, updated_at=now, user_id=owner)

        stored = await self.compare_and_set(learning.learning_id, changed)
        assert stored is not None
        return stored

    async def update(self, learning_id: str, content: Any, metadata: Any = None) -> bool:
        changes = {"content": content, "metadata": metadata, "updated_at": clock.now()}
        return await self.change(learning_id, changes) is not None

    async def delete_of_user(self, user_id: str, *, learning_type: str | None = None) -> int:
        if self.map.checked({"user_id": user_id})["user_id"] is None:
            return 0
        return await self.delete_chosen(self.chosen(user_id=user_id, **present(learning_type=learning_type)))

    # -- pages: after everything that names the type of the same name -----------------------------------------

    async def page(
        self, page: Page, *, include_unowned: bool = False, user_id: str | None = None, **filters: str | None
    ) -> tuple[list[LearningRecord], int]:
        given = self.map.scalars(present(**filters, user_id=user_id))
        if not include_unowned or user_id is None:
            return await self.paged(page, Chosen(given))
        own = owner_list(str(given.pop("user_id")))
        return await self.paged(page, Chosen(given, one_of=("owner", (owner_list(None), own))))
