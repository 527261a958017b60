"""A trace: everything that one request caused, as OpenTelemetry tells it."""

from __future__ import annotations

from dataclasses import dataclass

from agnodb.records.base import Record

PLACEHOLDER_NAME = "(trace not received yet)"
"""The name of a trace that is known by its spans only, which may come first. Its status is 'UNSET' then."""


@dataclass(slots=True, kw_only=True)
class TraceRow(Record):
    """One row of agno_traces. Times are ISO 8601 text; any timezone goes in, UTC comes out."""

    trace_id: str
    name: str
    status: str
    start_time: str
    end_time: str
    duration_ms: int
    run_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    created_at: str | None = None


@dataclass(slots=True, kw_only=True)
class TraceRecord(TraceRow):
    """A trace with the counts of its stored spans, which are counted when it is read and never written."""

    total_spans: int = 0
    error_count: int = 0
