"""The traces that spans stand for which come before them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from agnodb.records.traces import PLACEHOLDER_NAME

PLACEHOLDER = ("trace_id", "name", "status", "start_time", "end_time", "duration_ms", "created_at")
"""The columns of a trace that a placeholder has."""

Rows = list[dict[str, Any]]


def placeholders(rows: Rows, now: str) -> Rows:
    """For each trace of `rows` what is stored when it is unknown: it lasts from its first span to its last."""
    times: dict[str, tuple[str, str]] = {}
    for row in rows:
        start, end = times.get(row["trace_id"], (row["start_time"], row["end_time"]))
        times[row["trace_id"]] = (min(start, row["start_time"]), max(end, row["end_time"]))
    made: Rows = []
    for trace_id, (start, end) in sorted(times.items()):
        lasted = (datetime.fromisoformat(end) - datetime.fromisoformat(start)) // timedelta(milliseconds=1)
        values = (trace_id, PLACEHOLDER_NAME, "UNSET", start, end, lasted, now)
        made.append(dict(zip(PLACEHOLDER, values, strict=True)))
    return made
