"""Knowledge contents in a document store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb.documents.encoding import owner_list
from agnodb.documents.lists import Chosen
from agnodb.documents.repository import DocumentRepository
from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.records.base import column_fields
from agnodb.records.knowledge import KEPT, KnowledgeRecord
from agnodb.rules.ownership import may_write
from agnodb.rules.values import text_in

_COLUMNS = tuple(name for name in column_fields(KnowledgeRecord) if name not in KEPT)


class DocumentKnowledgeRepository(DocumentRepository[KnowledgeRecord]):
    """See `agnodb.contracts.knowledge.KnowledgeRepository`."""

    concept = "knowledge"
    record = KnowledgeRecord

    @staticmethod
    def derived(record: Any) -> Mapping[str, Any]:
        return {"owner": owner_list(None if record.user_id is None else text_in(record.user_id))}

    async def get(self, id: str, *, user_id: str | None = None) -> KnowledgeRecord | None:
        content = await self.one(id)
        return content if content is not None and may_write(content.user_id, user_id) else None

    async def page(
        self, page: Page, *, linked_to: str | None = None, user_id: str | None = None
    ) -> tuple[list[KnowledgeRecord], int]:
        filters = self.map.scalars(present(linked_to=linked_to))
        visible = None if user_id is None else ("owner", (owner_list(None), owner_list(text_in(user_id))))
        return await self.paged(page, Chosen(filters, one_of=visible))

    async def upsert(self, content: KnowledgeRecord) -> None:
        def changed(stored: KnowledgeRecord | None) -> KnowledgeRecord:
            if stored is None:
                return content
            # Not `may_write`: a content without an owner is shared, so no user may claim it.
            if content.user_id is not None and stored.user_id != content.user_id:
                raise OwnershipError(id=content.id, user_id=content.user_id)
            return replace(stored, **present(**{name: getattr(content, name) for name in _COLUMNS}))

        await self.compare_and_set(content.id, changed)

    async def delete(self, id: str, *, user_id: str | None = None) -> bool:
        return await self.delete_any([id], **present(user_id=user_id)) > 0
