"""agno_approvals: a human decision that a run waits for, or has got."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json


class Approval(Base):
    __tablename__ = "agno_approvals"
    __table_args__ = (Index(None, "status", "created_at"), Index(None, "user_id", "created_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(index=True)
    session_id: Mapped[str] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(index=True)
    source_type: Mapped[str] = mapped_column(index=True)
    approval_type: Mapped[str | None] = mapped_column(index=True)
    pause_type: Mapped[str] = mapped_column(index=True)
    tool_name: Mapped[str | None]
    tool_args: Mapped[Any | None] = mapped_column(Json)
    expires_at: Mapped[int | None]
    agent_id: Mapped[str | None] = mapped_column(index=True)
    team_id: Mapped[str | None] = mapped_column(index=True)
    workflow_id: Mapped[str | None] = mapped_column(index=True)
    user_id: Mapped[str | None] = mapped_column(index=True)
    schedule_id: Mapped[str | None] = mapped_column(index=True)
    schedule_run_id: Mapped[str | None] = mapped_column(index=True)
    source_name: Mapped[str | None]
    requirements: Mapped[Any | None] = mapped_column(Json)
    context: Mapped[Any | None] = mapped_column(Json)
    resolution_data: Mapped[Any | None] = mapped_column(Json)
    resolved_by: Mapped[str | None]
    resolved_at: Mapped[int | None]
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int | None]
    run_status: Mapped[str | None] = mapped_column(index=True)
