"""A knowledge content: a document of a knowledge base, without its embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agnodb.records.base import Record

KEPT = ("id", "user_id", "created_at")
"""What a save leaves as it is in a content that is there."""


@dataclass(slots=True, kw_only=True)
class KnowledgeRecord(Record):
    """One row of agno_knowledge. Times are epoch seconds, `size` is bytes; no `user_id` means shared by all."""

    id: str
    name: str
    description: str
    metadata: Any = None
    type: str | None = None
    size: int | None = None
    linked_to: str | None = None
    access_count: int | None = None
    status: str | None = None
    status_message: str | None = None
    created_at: int | None = None
    updated_at: int | None = None
    external_id: str | None = None
    user_id: str | None = None
