"""agno_schedules: a cron job that calls an endpoint."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import AnyLength, Json, LongText


def _unique_name(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, unique=True, postgresql_where=text(where), sqlite_where=text(where))


class Schedule(Base):
    __tablename__ = "agno_schedules"
    __table_args__ = (
        Index(None, "enabled", "next_run_at"),
        Index(None, "user_id", "enabled", "next_run_at"),
        # A name is taken once per owner; NULL owners need an index of their own, because NULLs are distinct.
        _unique_name("agno_schedules_uq_user_name", "user_id", "name", where="user_id IS NOT NULL"),
        _unique_name("agno_schedules_uq_unowned_name", "name", where="user_id IS NULL"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    description: Mapped[str | None] = mapped_column(LongText)
    method: Mapped[str]
    endpoint: Mapped[str] = mapped_column(AnyLength)
    payload: Mapped[Any | None] = mapped_column(Json)
    cron_expr: Mapped[str]
    timezone: Mapped[str]
    timeout_seconds: Mapped[int]
    max_retries: Mapped[int]
    retry_delay_seconds: Mapped[int]
    enabled: Mapped[bool]
    next_run_at: Mapped[int | None] = mapped_column(index=True)
    locked_by: Mapped[str | None]
    locked_at: Mapped[int | None]
    user_id: Mapped[str | None] = mapped_column(index=True)
    managed_by: Mapped[str | None] = mapped_column(index=True)
    target_type: Mapped[str | None]
    target_id: Mapped[str | None] = mapped_column(index=True)
    created_by_run_id: Mapped[str | None]
    created_by_session_id: Mapped[str | None]
    updated_by_run_id: Mapped[str | None]
    updated_by_session_id: Mapped[str | None]
    disabled_reason: Mapped[str | None]
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int | None]
