"""Learnings, as every family reads and deletes them by their ids."""

from __future__ import annotations

from agnodb.records.learnings import LearningRecord
from agnodb.rules.keyed import Keyed


class Learnings(Keyed[LearningRecord]):
    """What `agnodb.contracts.learnings.LearningRepository` has for one learning at a time."""

    concept = "learnings"
    record = LearningRecord

    async def get(self, learning_id: str) -> LearningRecord | None:
        return await self.one(learning_id)

    async def delete(self, learning_id: str) -> bool:
        return await self.delete_one(learning_id)
