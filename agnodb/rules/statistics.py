"""Statistics by group, where they are computed in the client, and groups as agno gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agnodb.text import decode_text


def p95(durations: Sequence[int]) -> float:
    """The 95th percentile of whole numbers, as PostgreSQL's percentile_cont has it."""
    ordered = sorted(durations)
    hundredths = (len(ordered) - 1) * 95
    below, above = ordered[hundredths // 100], ordered[min(hundredths // 100 + 1, len(ordered) - 1)]
    return (below * 100 + (above - below) * (hundredths % 100)) / 100


def durations(values: Sequence[int]) -> dict[str, Any]:
    """The average, the 95th percentile and the maximum of milliseconds."""
    return {
        "avg_duration_ms": sum(values) / len(values),
        "p95_duration_ms": p95(values),
        "max_duration_ms": max(values),
    }


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
