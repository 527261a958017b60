"""What metrics are counted from, beside agno's tables: what changed, what each row counted for, and the sums.

Tables of ours, which agno does not know. Triggers on the tables of sessions and runs write to the first, whoever
writes there; only a refresh writes to the others (see `agnodb.sql.metric_changes`).
"""

from __future__ import annotations

from sqlalchemy import Identity
from sqlalchemy.orm import Mapped, mapped_column

from agnodb.config import TableNames
from agnodb.models.base import Base
from agnodb.models.types import AnyLength, LongKey, Serial

_NAMES = TableNames().own()


class MetricChange(Base):
    """A session or run that was written or deleted since it was last counted; several of one are no harm."""

    __tablename__ = _NAMES["metric_changes"]

    id: Mapped[int] = mapped_column(Serial, Identity(), primary_key=True)
    row_key: Mapped[str] = mapped_column(AnyLength)
    """What is to be looked at: 'run r1', 'session s1' and the like, see `agnodb.rules.metrics`."""


class MetricCount(Base):
    """What a session or a run was last counted for."""

    __tablename__ = _NAMES["metric_counts"]

    row_key: Mapped[str] = mapped_column(LongKey, primary_key=True)
    """As in `MetricChange`."""
    day: Mapped[int]
    """Days since 1970-01-01."""
    written: Mapped[int | None]
    """When the row was last changed by then (epoch seconds): what is gone by where no triggers take notes."""
    counted: Mapped[str] = mapped_column(AnyLength)
    """See `agnodb.rules.metrics.Counted`."""


class MetricTotal(Base):
    """The sum of all counts of one owner on one day."""

    __tablename__ = _NAMES["metric_totals"]

    row_key: Mapped[str] = mapped_column(LongKey, primary_key=True)
    """The day and the owner: '20000 alice'."""
    day: Mapped[int]
    totals: Mapped[str] = mapped_column(AnyLength)
    """See `agnodb.rules.metrics.Totals`."""
