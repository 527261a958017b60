"""agno's KnowledgeRow as a record, and back."""

from __future__ import annotations

from typing import Any

from agno.db.schemas.knowledge import KnowledgeRow

from agnodb.errors import InvalidValueError
from agnodb.records.knowledge import KnowledgeRecord


class KnowledgeObjects:
    """The knowledge part of `agnodb.contracts.objects.Objects`."""

    def knowledge_record(self, content: Any) -> KnowledgeRecord:
        if not isinstance(content, KnowledgeRow):
            raise InvalidValueError("A knowledge row is needed.", detail=repr(type(content)))
        return KnowledgeRecord(**{name: getattr(content, name) for name in KnowledgeRow.model_fields})

    def knowledge(self, record: KnowledgeRecord) -> KnowledgeRow:
        return KnowledgeRow.model_validate(record.to_dict())
