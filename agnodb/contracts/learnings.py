"""The repository of learnings."""

from __future__ import annotations

from typing import Any, Protocol

from agnodb.filters import Page
from agnodb.records.learnings import LearningRecord


class LearningRepository(Protocol):
    """Learnings by id, and lists of them.

    `user_id` and `**filters` are equalities, any of `LISTINGS["learnings"].filters`; None means any. An unknown one
    raises InvalidValueError. "Latest" counts by the last change.
    """

    async def get(self, learning_id: str) -> LearningRecord | None:
        """The learning, or None."""
        ...

    async def latest(
        self, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        """The learnings that match, the latest first; at most `limit`. One statement."""
        ...

    async def search(
        self, query: str, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        """The learnings with the text `query` anywhere in their content, the latest first. One statement.

        Upper and lower case are alike: all letters that the database's locale knows on PostgreSQL, ASCII letters
        only on SQLite. A run of white space, `_` and `-` in `query` stands for any one character; everything else,
        `%` and `\\` too, stands for itself. A query of nothing else finds nothing.
        """
        ...

    async def upsert(self, learning: LearningRecord) -> LearningRecord:
        """Insert the learning, or change its content and metadata; the stored row comes back. One atomic statement.

        Nothing else of a stored row is changed, but that one without an owner gets the writer's. Raises
        OwnershipError when the learning is another user's.
        """
        ...

    async def update(self, learning_id: str, content: Any, metadata: Any = None) -> bool:
        """Replace content and metadata, whoever the owner is; False when there is no such learning. Atomic."""
        ...

    async def delete(self, learning_id: str) -> bool:
        """Delete the learning, whoever the owner is; False when there is none."""
        ...

    async def delete_of_user(self, user_id: str, *, learning_type: str | None = None) -> int:
        """Delete the learnings (of that type) that the user owns; the number deleted."""
        ...

    async def user_stats(
        self, page: Page, *, learning_type: str | None = None, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """One page of the users who own learnings, and the number of all of them. One statement.

        Each is a dictionary of `user_id` and `last_learning_updated_at` (epoch seconds), the two that `page` can
        sort by; the latest come first by default.
        """
        ...

    async def page(
        self, page: Page, *, include_unowned: bool = False, user_id: str | None = None, **filters: str | None
    ) -> tuple[list[LearningRecord], int]:
        """One page of learnings and the number of all that match.

        `include_unowned`, with a `user_id`, adds learnings without an owner.
        """
        ...
