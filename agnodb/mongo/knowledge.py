"""Knowledge contents in MongoDB."""

from __future__ import annotations

from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.mongo.ownership import claimable
from agnodb.mongo.repository import MongoRepository
from agnodb.records.knowledge import KEPT, KnowledgeRecord
from agnodb.rules.values import text_in


class MongoKnowledgeRepository(MongoRepository[KnowledgeRecord]):
    """See `agnodb.contracts.knowledge.KnowledgeRepository`."""

    concept = "knowledge"
    record = KnowledgeRecord
    idempotent = frozenset({"upsert"})

    async def get(self, id: str, *, user_id: str | None = None) -> KnowledgeRecord | None:
        visible = {} if user_id is None else claimable(text_in(user_id))
        match = {**self.fields.encode({"id": id}), **visible}
        return self.record_of(await self.call("get", "find_one", match, self.fields.projection))

    async def page(
        self, page: Page, *, linked_to: str | None = None, user_id: str | None = None
    ) -> tuple[list[KnowledgeRecord], int]:
        visible = {} if user_id is None else claimable(text_in(user_id))
        return await self.paged(page, {**self.fields.encode(present(linked_to=linked_to)), **visible})

    async def upsert(self, content: KnowledgeRecord) -> None:
        given = self.fields.encode(self.fields.values(content))
        changes = {name: value for name, value in given.items() if value is not None and name not in KEPT}
        first = {name: value for name, value in given.items() if name not in changes}
        # Not `may_write`: a content without an owner is shared, so no user may claim it.
        match = {"id": given["id"], **present(user_id=given["user_id"])}
        for _ in range(2):  # another may insert it between
            if await self.put("upsert", match, changes, first, upsert=True):
                return
        raise OwnershipError(id=content.id, user_id=content.user_id)

    async def delete(self, id: str, *, user_id: str | None = None) -> bool:
        return await self.delete_any([id], **present(user_id=user_id)) > 0
