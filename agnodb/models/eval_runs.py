"""agno_eval_runs: the result of one evaluation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json


class EvalRun(Base):
    __tablename__ = "agno_eval_runs"
    __table_args__ = (
        Index(None, "agent_id"),
        Index(None, "team_id"),
        Index(None, "workflow_id"),
        Index(None, "model_id"),
        Index(None, "eval_type"),
        Index("idx_agno_eval_runs_changed", text("coalesce(updated_at, created_at)")),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    eval_type: Mapped[str]
    eval_data: Mapped[Any] = mapped_column(Json)
    eval_input: Mapped[Any] = mapped_column(Json)
    name: Mapped[str | None]
    agent_id: Mapped[str | None]
    team_id: Mapped[str | None]
    workflow_id: Mapped[str | None]
    model_id: Mapped[str | None]
    model_provider: Mapped[str | None]
    evaluated_component_name: Mapped[str | None]
    user_id: Mapped[str | None] = mapped_column(index=True)
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int | None]
