"""agno_learnings: what agents learned of users, entities and their own work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json


class Learning(Base):
    __tablename__ = "agno_learnings"
    __table_args__ = (
        Index(None, "learning_type", "user_id", "updated_at"),
        Index("idx_agno_learnings_changed", text("coalesce(updated_at, created_at)")),
    )

    learning_id: Mapped[str] = mapped_column(primary_key=True)
    learning_type: Mapped[str] = mapped_column(index=True)
    namespace: Mapped[str | None] = mapped_column(index=True)
    user_id: Mapped[str | None] = mapped_column(index=True)
    agent_id: Mapped[str | None] = mapped_column(index=True)
    team_id: Mapped[str | None] = mapped_column(index=True)
    workflow_id: Mapped[str | None] = mapped_column(index=True)
    session_id: Mapped[str | None] = mapped_column(index=True)
    entity_id: Mapped[str | None] = mapped_column(index=True)
    entity_type: Mapped[str | None] = mapped_column(index=True)
    content: Mapped[Any] = mapped_column(Json)
    metadata_: Mapped[Any | None] = mapped_column("metadata", Json)
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int | None]
