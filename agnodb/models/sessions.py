"""agno_sessions: one conversation of an agent, team or workflow."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import AnyLength, Json


class Session(Base):
    __tablename__ = "agno_sessions"
    __table_args__ = (
        Index(None, "user_id", "created_at"),
        Index(None, "agent_id", "created_at"),
        Index(None, "team_id", "created_at"),
        Index(None, "workflow_id", "created_at"),
        # Lists are sorted by the last change; rows written elsewhere may have none.
        Index("idx_agno_sessions_changed", text("coalesce(updated_at, created_at)")),
    )

    session_id: Mapped[str] = mapped_column(primary_key=True)
    session_type: Mapped[str] = mapped_column(index=True)
    agent_id: Mapped[str | None]
    team_id: Mapped[str | None]
    workflow_id: Mapped[str | None]
    user_id: Mapped[str | None]
    session_data: Mapped[Any | None] = mapped_column(Json)
    agent_data: Mapped[Any | None] = mapped_column(Json)
    team_data: Mapped[Any | None] = mapped_column(Json)
    workflow_data: Mapped[Any | None] = mapped_column(Json)
    metadata_: Mapped[Any | None] = mapped_column("metadata", Json)
    summary: Mapped[Any | None] = mapped_column(Json)
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int | None]
    agnodb_row_version: Mapped[int | None]
    """Advanced by every write of agnodb; NULL on a row that agno wrote."""
    agnodb_run_counter: Mapped[int | None]
    """The index that the session's next run gets; NULL until the first one."""
    agnodb_recent_writes: Mapped[str | None] = mapped_column(AnyLength)
    """The tokens of the last saves, latest first (see `agnodb.records.snapshots`)."""
