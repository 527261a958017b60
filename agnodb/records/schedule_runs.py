"""A schedule run: one execution of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.records.base import Record

_FIXED = ("id", "schedule_id", "user_id", "created_at")


@dataclass(slots=True, kw_only=True)
class ScheduleRunRecord(Record):
    """One row of agno_schedule_runs. Times are epoch seconds. The defaults are agno's.

    `user_id` is for whom the run was made. That is the schedule's owner or who triggered it by hand.
    """

    id: str
    schedule_id: str
    attempt: int = 1
    triggered_at: int | None = None
    completed_at: int | None = None
    status: str = "running"
    status_code: int | None = None
    run_id: str | None = None
    session_id: str | None = None
    error: str | None = None
    input: Any = None
    output: Any = None
    requirements: Any = None
    user_id: str | None = None
    created_at: int | None = None


def schedule_run_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that an update of a schedule run sets.

    Raises InvalidValueError for the id, the schedule, the owner and the creation time, which never change.
    """
    if refused := sorted(set(changes) & set(_FIXED)):
        raise InvalidValueError("This field of a schedule run cannot be changed.", detail=", ".join(refused))
    return dict(changes)
