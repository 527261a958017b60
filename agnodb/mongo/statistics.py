"""Stages and expressions of statistics by group, and groups as agno gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agnodb.text import decode_text

DURATIONS = {
    "avg_duration_ms": {"$avg": "$duration_ms"},
    "max_duration_ms": {"$max": "$duration_ms"},
    "durations": {"$push": "$duration_ms"},
}
"""Accumulators over documents that are sorted by `duration_ms`; see `p95`."""


def p95() -> dict[str, Any]:
    """The 95th percentile of the sorted `durations` of a group, as PostgreSQL's percentile_cont has it."""
    hundredths = {"$multiply": [{"$subtract": [{"$size": "$durations"}, 1]}, 95]}
    place = {"$toInt": {"$floor": {"$divide": [hundredths, 100]}}}
    below = {"$arrayElemAt": ["$durations", place]}
    last = {"$subtract": [{"$size": "$durations"}, 1]}
    above = {"$arrayElemAt": ["$durations", {"$min": [{"$add": [place, 1]}, last]}]}
    step = {"$multiply": [{"$subtract": [above, below]}, {"$mod": [hundredths, 100]}]}
    return {"$divide": [{"$add": [{"$multiply": [below, 100]}, step]}, 100]}


def of_status(field: str, status: str) -> dict[str, Any]:
    """Counts the documents of a group with that `status`."""
    return {"$sum": {"$cond": [{"$eq": [f"${field}", status]}, 1, 0]}}


def group(columns: Sequence[str], row: Mapping[str, Any]) -> dict[str, Any]:
    """A group with these `columns` as agno gives it: times as datetimes, durations to one digit."""
    return {name: _given(name, row.get(name)) for name in columns}


def _given(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    if name in ("avg_duration_ms", "p95_duration_ms"):
        return round(float(value), 1)
    return decode_text(value) if isinstance(value, str) else round(value)
