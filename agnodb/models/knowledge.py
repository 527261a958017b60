"""agno_knowledge: the contents of a knowledge base (their embeddings live in the vector store)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json, LongText


class Knowledge(Base):
    __tablename__ = "agno_knowledge"
    __table_args__ = (
        Index(None, "user_id", "linked_to"),
        Index(None, "linked_to", "created_at"),
        Index(None, "created_at"),
        Index("idx_agno_knowledge_changed", text("coalesce(updated_at, created_at)")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(LongText)
    metadata_: Mapped[Any | None] = mapped_column("metadata", Json)
    type: Mapped[str | None]
    size: Mapped[int | None]
    linked_to: Mapped[str | None]
    access_count: Mapped[int | None]
    status: Mapped[str | None]
    status_message: Mapped[str | None] = mapped_column(LongText)
    created_at: Mapped[int | None]
    updated_at: Mapped[int | None]
    external_id: Mapped[str | None]
    user_id: Mapped[str | None] = mapped_column(index=True)
    """Who uploaded it; NULL means shared with every user."""
