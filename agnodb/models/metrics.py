"""agno_metrics: what one user's agents did on one UTC day."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json, Word


class Metric(Base):
    __tablename__ = "agno_metrics"
    __table_args__ = (
        UniqueConstraint("user_id", "date", "aggregation_period", name="agno_metrics_uq_metrics_user_date_period"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    agent_runs_count: Mapped[int]
    team_runs_count: Mapped[int]
    workflow_runs_count: Mapped[int]
    agent_sessions_count: Mapped[int]
    team_sessions_count: Mapped[int]
    workflow_sessions_count: Mapped[int]
    users_count: Mapped[int]
    token_metrics: Mapped[Any] = mapped_column(Json)
    model_metrics: Mapped[Any] = mapped_column(Json)
    date: Mapped[datetime.date] = mapped_column(index=True)
    aggregation_period: Mapped[str] = mapped_column(Word, index=True)
    user_id: Mapped[str] = mapped_column(index=True)
    """The owner; '' for none, because the unique key would hold NULLs apart."""
    created_at: Mapped[int]
    updated_at: Mapped[int | None] = mapped_column(index=True)
    completed: Mapped[bool]
