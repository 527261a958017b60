"""agno's knowledge methods."""

from __future__ import annotations

from typing import Any

from agnodb.databases.methods.base import Methods
from agnodb.filters import Page


class KnowledgeMethods(Methods):
    """The contents of knowledge bases."""

    async def get_knowledge_content(self, id: str, user_id: str | None = None) -> Any:
        """The content, or None when there is none (of that user or shared)."""
        content = await self.repositories.knowledge.get(id, user_id=user_id)
        return None if content is None else self.objects.knowledge(content)

    async def get_knowledge_contents(
        self,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        linked_to: str | None = None,
        user_id: str | None = None,
    ) -> tuple[list[Any], int]:
        """A page of contents (of that user or shared) and the number of all that match. One statement."""
        contents, total = await self.repositories.knowledge.page(
            Page(limit, page, sort_by, sort_order), linked_to=linked_to, user_id=user_id
        )
        return [self.objects.knowledge(content) for content in contents], total

    async def upsert_knowledge_content(self, knowledge_row: Any) -> Any:
        """Save the content: fields that are None keep what is stored. What was given comes back.

        One atomic statement. Raises OwnershipError when `user_id` is set and the content is another's or shared.
        """
        await self.repositories.knowledge.upsert(self.objects.knowledge_record(knowledge_row))
        return knowledge_row

    async def delete_knowledge_content(self, id: str, user_id: str | None = None) -> None:
        """Delete the content (of that user), if there is one."""
        await self.repositories.knowledge.delete(id, user_id=user_id)
