"""A memory: what an agent chose to remember of a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agnodb.records.base import Record

SAVED_AGAIN = ("memory", "topics", "input", "feedback", "agent_id", "team_id")
"""What a save changes in a memory that is there."""


@dataclass(slots=True, kw_only=True)
class MemoryRecord(Record):
    """One row of agno_memories. Times are epoch seconds."""

    memory_id: str
    memory: Any
    feedback: str | None = None
    input: str | None = None
    agent_id: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    topics: Any = None
    created_at: int | None = None
    updated_at: int | None = None


@dataclass(slots=True, kw_only=True)
class UserMemories:
    """How many memories there are of one user, and when the latest was changed (epoch seconds)."""

    user_id: str
    total_memories: int
    last_memory_updated_at: int | None
