"""agno_runs: one run of an agent, team or workflow inside a session."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json


class Run(Base):
    __tablename__ = "agno_runs"
    # The order of a session's runs. Not unique: agno's own adapter writes equal indexes when it races.
    __table_args__ = (
        Index(None, "session_id", "run_index"),
        # Metrics ask which runs were written since they were last computed.
        Index("idx_agno_runs_changed", text("coalesce(updated_at, created_at)")),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("agno_sessions.session_id", ondelete="CASCADE"), index=True)
    run_type: Mapped[str] = mapped_column(index=True)
    agent_id: Mapped[str | None] = mapped_column(index=True)
    team_id: Mapped[str | None] = mapped_column(index=True)
    workflow_id: Mapped[str | None] = mapped_column(index=True)
    user_id: Mapped[str | None] = mapped_column(index=True)
    parent_run_id: Mapped[str | None]
    status: Mapped[str | None] = mapped_column(index=True)
    run_index: Mapped[int | None]
    run_data: Mapped[Any] = mapped_column(Json)
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int | None]
