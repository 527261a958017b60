"""A run that is cancelled before it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.records.runs import RunRecord

_CANCELLABLE = ("PENDING", "RUNNING")


def check_cancellable(status: str) -> None:
    """Raises InvalidValueError for a status from which a run is not cancelled."""
    if status not in _CANCELLABLE:
        raise InvalidValueError("Only a pending or a running run can be cancelled.", detail=status)


def cancellation(expected_status: str, reason: str) -> Callable[[RunRecord], dict[str, Any] | None]:
    """For `RunRepository.patch`: what is stored of a run, None where it has another status by now.

    Its content stays, and is the reason where it has none. Raises InvalidValueError, see `check_cancellable`.
    """
    check_cancellable(expected_status)

    def cancelled(run: RunRecord) -> dict[str, Any] | None:
        if run.status != expected_status:
            return None
        data = run.run_data if isinstance(run.run_data, dict) else {}
        explained = {} if data.get("content") not in (None, "") else {"content": reason}
        return {"status": "CANCELLED", "run_data": {**data, "status": "CANCELLED", **explained}}

    return cancelled
