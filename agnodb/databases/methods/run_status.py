"""What a change of a run's status may do to the stored run. Decided here, without waiting; see agno's
`agno.run.status_persist` for the meaning of attempts and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agnodb.databases.methods.base import plain

_STATUSES = ("PENDING", "RUNNING", "COMPLETED", "PAUSED", "CANCELLED", "ERROR", "REGENERATED")
_FINAL = ("COMPLETED", "CANCELLED")


def canonical(status: Any) -> Any:
    """A status in the form that is stored and filtered by, upper case; anything unknown as it is."""
    status = plain(status)
    upper = status.upper() if isinstance(status, str) else status
    return upper if upper in _STATUSES else status


@dataclass(slots=True)
class StatusChange:
    """The change that is asked for, and how it ended.

    A run that is completed or cancelled keeps its status, and an attempt older than the stored one changes
    nothing: both make sure that a worker that was given up cannot overwrite the result of its successor.
    """

    fields: Mapping[str, Any]
    attempt: int | None = None
    content_if_absent: str | None = None
    outcome: str = "missing"

    def apply(self, document: Mapping[str, Any], status: str | None) -> dict[str, Any] | None:
        """The columns to set, or None when the stored run must stay as it is. Sets `outcome`."""
        stored_attempt = document.get("queue_attempt")
        if self.attempt is not None and stored_attempt is not None and stored_attempt > self.attempt:
            self.outcome = "stale_attempt"
            return None
        stored, wanted = canonical(document.get("status") or status), canonical(self.fields.get("status"))
        if stored in _FINAL and wanted and wanted != stored:
            self.outcome = "terminal_refused"
            return None
        changed = {**document, **self.fields}
        if wanted:
            changed["status"] = wanted
        if self.content_if_absent is not None and not changed.get("content"):
            changed["content"] = self.content_if_absent
        if self.attempt is not None:
            changed["queue_attempt"] = self.attempt
        self.outcome = "updated"
        return {"run_data": changed, **({"status": wanted} if wanted else {})}
