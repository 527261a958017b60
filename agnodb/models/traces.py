"""agno_traces: one OpenTelemetry trace. Times are ISO 8601 text, see `agnodb.clock`."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base


class Trace(Base):
    __tablename__ = "agno_traces"
    __table_args__ = (
        Index(None, "user_id", "start_time"),
        Index(None, "session_id", "start_time"),
        Index(None, "agent_id", "start_time"),
        Index(None, "team_id", "start_time"),
        Index(None, "workflow_id", "start_time"),
        Index(None, "end_time"),
    )

    trace_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    status: Mapped[str] = mapped_column(index=True)
    start_time: Mapped[str] = mapped_column(index=True)
    end_time: Mapped[str]
    duration_ms: Mapped[int]
    run_id: Mapped[str | None] = mapped_column(index=True)
    session_id: Mapped[str | None] = mapped_column(index=True)
    user_id: Mapped[str | None] = mapped_column(index=True)
    agent_id: Mapped[str | None] = mapped_column(index=True)
    team_id: Mapped[str | None] = mapped_column(index=True)
    workflow_id: Mapped[str | None] = mapped_column(index=True)
    created_at: Mapped[str] = mapped_column(index=True)
