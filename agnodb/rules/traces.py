"""How a trace is merged into the stored one; see `agnodb.contracts.traces.TraceRepository.upsert`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agnodb.records.traces import PLACEHOLDER_NAME, TraceRow

_IDS = ("run_id", "session_id", "agent_id", "team_id", "workflow_id")
_COMPONENTS = ("workflow_id", "team_id", "agent_id")


def merged_trace(stored: TraceRow, new: TraceRow) -> TraceRow:
    """`stored` with what `new` tells. The times of both are texts of `agnodb.clock`."""
    ids: dict[str, Any] = {name: _first(getattr(stored, name), getattr(new, name)) for name in _IDS}
    user_id = _first(stored.user_id, new.user_id)
    if stored.name == PLACEHOLDER_NAME and stored.status == "UNSET":
        return replace(new, user_id=user_id, **ids)
    start, end = min(stored.start_time, new.start_time), max(stored.end_time, new.end_time)
    lasted = (datetime.fromisoformat(end) - datetime.fromisoformat(start)) // timedelta(milliseconds=1)
    name = new.name if _level(new) > _level(stored) else stored.name
    times: dict[str, Any] = {"start_time": start, "end_time": end, "duration_ms": lasted}
    return replace(stored, name=name, status=new.status, user_id=user_id, **times, **ids)


def _first(stored: str | None, new: str | None) -> str | None:
    return new if stored is None else stored


def _level(trace: TraceRow) -> int:
    """How far out the component is that gave a trace its name: a workflow, a team, an agent, or nothing of those."""
    if ".run" not in trace.name and ".arun" not in trace.name:
        return 0
    return next((3 - place for place, name in enumerate(_COMPONENTS) if getattr(trace, name) is not None), 0)
