"""A learning: what agents learned of a user, an entity or their own work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agnodb.records.base import Record


@dataclass(slots=True, kw_only=True)
class LearningRecord(Record):
    """One row of agno_learnings. Times are epoch seconds.

    Without a `user_id` it is nobody's, and the first user who writes to it becomes its owner.
    """

    learning_id: str
    learning_type: str
    namespace: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    session_id: str | None = None
    entity_id: str | None = None
    entity_type: str | None = None
    content: Any
    metadata: Any = None
    created_at: int | None = None
    updated_at: int | None = None
