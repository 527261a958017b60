"""agno's learning methods."""

from __future__ import annotations

from typing import Any

from agnodb.databases.hidden_reads import looked_up, refuse_hidden, written
from agnodb.databases.methods.base import Methods
from agnodb.filters import Page
from agnodb.records.learnings import LearningRecord


class LearningMethods(Methods):
    """Learnings, as dictionaries of their columns.

    Where a read fails, what it would have found is not overwritten (see `agnodb.databases.hidden_reads`).
    """

    async def get_learning(
        self,
        learning_type: str,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
    ) -> dict[str, Any] | None:
        """`{"content": ...}` of the learning that matches and was changed last, or None."""
        filters = {
            "learning_type": learning_type,
            "user_id": user_id,
            "agent_id": agent_id,
            "team_id": team_id,
            "session_id": session_id,
            "namespace": namespace,
            "entity_id": entity_id,
            "entity_type": entity_type,
        }
        reading = self.repositories.learnings.latest(1, **filters)
        found = await looked_up(reading, self._place, filters)
        return {"content": found[0].content} if found else None

    async def upsert_learning(
        self,
        id: str,
        learning_type: str,
        content: dict[str, Any],
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Insert the learning, or replace content and metadata of the stored one. One atomic statement.

        A learning without an owner becomes `user_id`'s. Raises OwnershipError when it is another user's, and
        StaleVersionError when it could not be read before in this flow.
        """
        await refuse_hidden(id, self.repositories.learnings, self._place)
        stored = await self.repositories.learnings.upsert(
            LearningRecord(
                learning_id=id,
                learning_type=learning_type,
                content=content,
                user_id=user_id,
                agent_id=agent_id,
                team_id=team_id,
                session_id=session_id,
                namespace=namespace,
                entity_id=entity_id,
                entity_type=entity_type,
                metadata=metadata,
            )
        )
        written(stored, self._place)

    async def delete_learning(self, id: str) -> bool:
        """Delete the learning; False when there is none."""
        return await self.repositories.learnings.delete(id)

    async def update_learning(self, id: str, content: dict[str, Any], metadata: dict[str, Any] | None = None) -> bool:
        """Replace content and metadata; False when there is no such learning. One atomic statement.

        Raises StaleVersionError when it could not be read before in this flow.
        """
        await refuse_hidden(id, self.repositories.learnings, self._place)
        return await self.repositories.learnings.update(id, content, metadata)

    async def delete_user_learnings(self, user_id: str, learning_type: str | None = None) -> int:
        """Delete the learnings (of that type) that the user owns; the number deleted."""
        return await self.repositories.learnings.delete_of_user(user_id, learning_type=learning_type)

    async def get_learnings(
        self,
        learning_type: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The learnings that match, the last changed first; at most `limit`. One statement."""
        filters = {
            "learning_type": learning_type,
            "user_id": user_id,
            "agent_id": agent_id,
            "team_id": team_id,
            "session_id": session_id,
            "namespace": namespace,
            "entity_id": entity_id,
            "entity_type": entity_type,
        }
        reading = self.repositories.learnings.latest(limit, **filters)
        # What is not among the first few may still be there: nobody takes it for absent.
        found = await (looked_up(reading, self._place, filters) if limit is None else reading)
        return [learning.to_dict() for learning in found]

    async def search_learnings(
        self,
        query: str,
        learning_type: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The learnings with `query` anywhere in their content, the last changed first. One statement.

        Case is ignored: of ASCII letters only on SQLite. A run of white space, `_` and `-` in `query` stands for
        any one character, everything else for itself; a query of nothing else finds nothing.
        """
        found = await self.repositories.learnings.search(
            query,
            limit,
            learning_type=learning_type,
            user_id=user_id,
            agent_id=agent_id,
            team_id=team_id,
            workflow_id=workflow_id,
            session_id=session_id,
            namespace=namespace,
            entity_id=entity_id,
            entity_type=entity_type,
        )
        return [learning.to_dict() for learning in found]

    async def get_learning_by_id(self, id: str) -> dict[str, Any] | None:
        """The learning, or None."""
        found = await looked_up(self._by_id(id), self._place, {"learning_id": id})
        return found[0].to_dict() if found else None

    async def _by_id(self, id: str) -> list[LearningRecord]:
        learning = await self.repositories.learnings.get(id)
        return [] if learning is None else [learning]

    async def list_learnings(
        self,
        learning_type: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        include_global: bool = False,
        limit: int = 100,
        page: int = 1,
        sort_by: str | None = None,
        sort_order: str | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of learnings and the number of all that match. One statement.

        `include_global`, with a `user_id`, adds learnings without an owner.
        """
        found, total = await self.repositories.learnings.page(
            Page(limit, page, sort_by, sort_order),
            include_unowned=include_global,
            learning_type=learning_type,
            user_id=user_id,
            agent_id=agent_id,
            team_id=team_id,
            session_id=session_id,
            namespace=namespace,
            entity_id=entity_id,
            entity_type=entity_type,
        )
        return [learning.to_dict() for learning in found], total

    async def get_learnings_user_stats(
        self,
        learning_type: str | None = None,
        limit: int | None = None,
        page: int | None = None,
        user_id: str | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the users who own learnings, `{"user_id", "last_learning_updated_at"}`, and their number.

        The last changed first, unless sorted otherwise (by one of the two). One statement.
        """
        return await self.repositories.learnings.user_stats(
            Page(limit, page, sort_by, sort_order), learning_type=learning_type, user_id=user_id
        )
