"""agno_spans: one operation inside a trace. Times are ISO 8601 text, see `agnodb.clock`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base
from agnodb.models.types import Json, LongText


class Span(Base):
    __tablename__ = "agno_spans"
    span_id: Mapped[str] = mapped_column(primary_key=True)
    trace_id: Mapped[str] = mapped_column(ForeignKey("agno_traces.trace_id"), index=True)
    parent_span_id: Mapped[str | None] = mapped_column(index=True)
    name: Mapped[str]
    span_kind: Mapped[str]
    status_code: Mapped[str]
    status_message: Mapped[str | None] = mapped_column(LongText)
    start_time: Mapped[str] = mapped_column(index=True)
    end_time: Mapped[str]
    duration_ms: Mapped[int]
    attributes: Mapped[Any | None] = mapped_column(Json)
    created_at: Mapped[str] = mapped_column(index=True)
