"""agno_memories: what an agent chose to remember of a user."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json, LongText


class Memory(Base):
    __tablename__ = "agno_memories"
    # agno passes every column of a row to its UserMemory: an additive column here would break its reads.
    __table_args__ = (
        Index(None, "user_id", "updated_at"),
        Index("idx_agno_memories_changed", text("coalesce(updated_at, created_at)")),
        Index(None, "agent_id"),
        Index(None, "team_id"),
        Index(
            "idx_agno_memories_topics",
            "topics",
            postgresql_using="gin",
            postgresql_ops={"topics": "jsonb_path_ops"},
            info={"only_on": "postgresql"},
        ),
    )

    memory_id: Mapped[str] = mapped_column(primary_key=True)
    memory: Mapped[Any] = mapped_column(Json)
    feedback: Mapped[str | None] = mapped_column(LongText)
    input: Mapped[str | None] = mapped_column(LongText)
    agent_id: Mapped[str | None]
    team_id: Mapped[str | None]
    user_id: Mapped[str | None] = mapped_column(index=True)
    topics: Mapped[Any | None] = mapped_column(Json)
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int | None] = mapped_column(index=True)
