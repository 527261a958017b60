"""agno_schedule_runs: one execution of a schedule."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json, LongText


class ScheduleRun(Base):
    __tablename__ = "agno_schedule_runs"
    __table_args__ = (
        Index(None, "schedule_id", "created_at"),
        Index(None, "schedule_id", "completed_at"),
        Index(None, "schedule_id", "triggered_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    schedule_id: Mapped[str] = mapped_column(ForeignKey("agno_schedules.id", ondelete="CASCADE"), index=True)
    attempt: Mapped[int]
    triggered_at: Mapped[int | None]
    completed_at: Mapped[int | None]
    status: Mapped[str] = mapped_column(index=True)
    status_code: Mapped[int | None]
    run_id: Mapped[str | None]
    session_id: Mapped[str | None]
    error: Mapped[str | None] = mapped_column(LongText)
    input: Mapped[Any | None] = mapped_column(Json)
    output: Mapped[Any | None] = mapped_column(Json)
    requirements: Mapped[Any | None] = mapped_column(Json)
    user_id: Mapped[str | None] = mapped_column(index=True)
    created_at: Mapped[int] = mapped_column(index=True)
