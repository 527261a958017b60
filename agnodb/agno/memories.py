"""agno's UserMemory as a record, and back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from agno.db.schemas import UserMemory

from agnodb.errors import InvalidValueError
from agnodb.records.memories import MemoryRecord


class MemoryObjects:
    """The memory part of `agnodb.contracts.objects.Objects`."""

    def memory_record(self, memory: Any) -> MemoryRecord:
        if not isinstance(memory, UserMemory):
            raise InvalidValueError("A user memory is needed.", detail=repr(type(memory)))
        if memory.memory_id is None:
            memory.memory_id = str(uuid4())  # agno's callers read the new id from the object they passed
        return MemoryRecord(
            memory_id=memory.memory_id,
            memory=memory.memory,
            feedback=memory.feedback,
            input=memory.input,
            agent_id=memory.agent_id,
            team_id=memory.team_id,
            user_id=memory.user_id,
            topics=memory.topics,
            created_at=memory.created_at,
            updated_at=memory.updated_at,
        )

    def memory(self, record: MemoryRecord) -> UserMemory:
        return UserMemory.from_dict(record.to_dict())
