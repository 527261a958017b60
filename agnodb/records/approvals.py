"""An approval: a human decision that a run waits for, or has got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.records.base import Record

PENDING = "pending"
"""The status of an approval that nobody has decided yet."""

_FIXED = ("id", "user_id", "created_at")


@dataclass(slots=True, kw_only=True)
class ApprovalRecord(Record):
    """One row of agno_approvals. Times are epoch seconds. The defaults are agno's."""

    id: str
    run_id: str
    session_id: str
    status: str = PENDING
    source_type: str = "agent"
    approval_type: str | None = None
    pause_type: str = "confirmation"
    tool_name: str | None = None
    tool_args: Any = None
    expires_at: int | None = None
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    user_id: str | None = None
    schedule_id: str | None = None
    schedule_run_id: str | None = None
    source_name: str | None = None
    requirements: Any = None
    context: Any = None
    resolution_data: Any = None
    resolved_by: str | None = None
    resolved_at: int | None = None
    created_at: int | None = None
    updated_at: int | None = None
    run_status: str | None = None


def approval_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that an update of an approval sets.

    Raises InvalidValueError for the id, the owner and the creation time, which never change.
    """
    if refused := sorted(set(changes) & set(_FIXED)):
        raise InvalidValueError("This field of an approval cannot be changed.", detail=", ".join(refused))
    return dict(changes)
