"""Statistics by group, where they are computed in the client, and groups as agno gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.filters import Listing
from agnodb.text import decode_text

SPAN_TYPE = "openinference.span.kind"
"""The attribute of a span that says its type."""

SPAN_STATS = (
    "name",
    "span_type",
    "total_calls",
    "avg_duration_ms",
    "p95_duration_ms",
    "max_duration_ms",
    "error_count",
    "last_called_at",
)
"""The columns of a group of spans, which have its name and its type."""

SPAN_GROUPS = Listing(key="name", sorts=SPAN_STATS[2:], default_sort="total_calls", default_order="desc")

USER_CHANGED = "last_learning_updated_at"
USERS = Listing(key="user_id", sorts=("user_id", USER_CHANGED), default_sort=USER_CHANGED, default_order="desc")
"""The users of learnings, each with the time at which one of theirs changed last."""

COMPONENTS = ("workflow_id", "team_id", "agent_id")
"""Whose a trace is. That of an endpoint is nobody's."""

OWNERS = ("user_id", *reversed(COMPONENTS))
"""What a session's group says of its traces."""

_TRACE_TIMES = ("first_trace_at", "last_trace_at")
_COMPONENT_STATS = ("total_traces", "total_sessions", "avg_duration_ms", "p95_duration_ms", "max_duration_ms")
_TRACE_GROUPS = {
    "session": ("session_id", *OWNERS, "total_traces", *_TRACE_TIMES),
    **{
        name: (key, *_COMPONENT_STATS, "error_traces", *_TRACE_TIMES)
        for name, key in (("agent", "agent_id"), ("team", "team_id"), ("workflow", "workflow_id"), ("endpoint", "name"))
    },
}


def trace_group(group_by: str) -> tuple[str, ...]:
    """The columns of a group of traces, of which the first is what they have in common. Raises InvalidValueError."""
    if group_by not in _TRACE_GROUPS:
        raise InvalidValueError(f"Cannot group by that. Known: {', '.join(_TRACE_GROUPS)}.", detail=repr(group_by))
    return _TRACE_GROUPS[group_by]


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
