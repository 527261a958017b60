"""Stages and expressions of statistics by group."""

from __future__ import annotations

from typing import Any

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
