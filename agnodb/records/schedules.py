"""A schedule: a cron job that calls an endpoint, and what may be changed of it by which way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.records.base import Record

ON_DEMAND = ""
"""The cron expression of a schedule that runs only when it is triggered, never again by itself."""

MUTABLE = frozenset(
    {
        "name",
        "description",
        "method",
        "endpoint",
        "payload",
        "cron_expr",
        "timezone",
        "timeout_seconds",
        "max_retries",
        "retry_delay_seconds",
        "enabled",
        "next_run_at",
        "disabled_reason",
    }
)
"""What an ordinary update may set. The owner never changes; provenance and the lock have their own methods."""

PROVENANCE = frozenset(
    {
        "managed_by",
        "target_type",
        "target_id",
        "created_by_run_id",
        "created_by_session_id",
        "updated_by_run_id",
        "updated_by_session_id",
    }
)
"""Who manages a schedule, what it is aimed at, and which runs wrote it."""

_TARGET = ("target_type", "target_id")
_RUN_ENDPOINT = re.compile(r"/(agent|team|workflow)s/([^/]+)/runs/?")


@dataclass(slots=True, kw_only=True)
class ScheduleRecord(Record):
    """One row of agno_schedules. Times are epoch seconds. The defaults are agno's."""

    id: str
    name: str
    description: str | None = None
    method: str = "POST"
    endpoint: str
    payload: Any = None
    cron_expr: str
    timezone: str = "UTC"
    timeout_seconds: int = 3600
    max_retries: int = 0
    retry_delay_seconds: int = 60
    enabled: bool = True
    next_run_at: int | None = None
    locked_by: str | None = None
    locked_at: int | None = None
    user_id: str | None = None
    managed_by: str | None = None
    target_type: str | None = None
    target_id: str | None = None
    created_by_run_id: str | None = None
    created_by_session_id: str | None = None
    updated_by_run_id: str | None = None
    updated_by_session_id: str | None = None
    disabled_reason: str | None = None
    created_at: int | None = None
    updated_at: int | None = None


def run_endpoints(target_type: str, target_id: str) -> tuple[str, str]:
    """The endpoints that run a component, without and with a slash at the end: a schedule may have either."""
    endpoint = f"/{target_type}s/{target_id}/runs"
    return endpoint, f"{endpoint}/"


def schedule_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that an update of a schedule sets; enabling it clears the reason why it was disabled.

    The target may be given together with an endpoint, when it is what the endpoint runs. Raises
    InvalidValueError for any other column that is not in `MUTABLE`.
    """
    allowed: frozenset[str] = MUTABLE
    if changes.keys() >= {"endpoint", *_TARGET} and tuple(changes[n] for n in _TARGET) == _target(changes["endpoint"]):
        allowed = MUTABLE.union(_TARGET)
    made = _only(allowed, changes)
    if made.get("enabled") is True:
        made.setdefault("disabled_reason", None)
    return made


def provenance_changes(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `provenance`. Raises InvalidValueError for one that is not in `PROVENANCE`."""
    return _only(PROVENANCE, provenance)


def _target(endpoint: Any) -> tuple[str | None, str | None]:
    found = _RUN_ENDPOINT.fullmatch(endpoint) if isinstance(endpoint, str) else None
    return (found[1], found[2]) if found else (None, None)


def _only(allowed: frozenset[str], changes: Mapping[str, Any]) -> dict[str, Any]:
    if refused := sorted(set(changes) - allowed):
        known = ", ".join(sorted(allowed))
        raise InvalidValueError(f"Only these fields can be changed: {known}.", detail=", ".join(refused))
    return dict(changes)
