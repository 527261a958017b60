"""The repository of schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from agnodb.filters import Page
from agnodb.records.schedules import ScheduleRecord


class ScheduleRepository(Protocol):
    """Schedules by id. Each method is one statement, hence atomic; times are epoch seconds.

    `user_id=None` is agno's "unscoped", except in `get_by_name`.
    """

    async def get(self, schedule_id: str, *, user_id: str | None = None) -> ScheduleRecord | None:
        """The schedule, or None when there is none (of that owner)."""
        ...

    async def get_by_name(self, name: str, *, user_id: str | None) -> ScheduleRecord | None:
        """The schedule of that name and owner, or None. No `user_id` means the schedule without an owner."""
        ...

    async def page(
        self, page: Page, *, enabled: bool | None = None, user_id: str | None = None
    ) -> tuple[list[ScheduleRecord], int]:
        """One page of schedules, by default the latest first, and the number of all that match."""
        ...

    async def create(self, schedule: ScheduleRecord) -> ScheduleRecord:
        """Insert the schedule; as it was stored, with `created_at`.

        Raises DuplicateKeyError when the id is taken, or the name by another schedule of the same owner.
        """
        ...

    async def update(
        self, schedule_id: str, changes: Mapping[str, Any], *, user_id: str | None = None
    ) -> ScheduleRecord | None:
        """Set columns and `updated_at`; the changed schedule, or None when there is none (of that owner).

        Enabling a schedule clears the reason why it was disabled. Raises InvalidValueError for a column that is
        not `MUTABLE` (see `agnodb.records.schedules`), DuplicateKeyError for a name that is taken.
        """
        ...

    async def stamp(self, schedule_id: str, provenance: Mapping[str, Any]) -> bool:
        """Set columns of `PROVENANCE` and `updated_at`; False when there is no such schedule.

        Raises InvalidValueError for any other column.
        """
        ...

    async def disable_for_target(self, target_type: str, target_id: str, *, reason: str | None = None) -> int:
        """Disable every enabled schedule of a component, whoever owns it; their number.

        These are the schedules whose target it is, and those whose endpoint runs it.
        """
        ...

    async def claim_due(self, worker_id: str, *, lock_grace_seconds: int = 300) -> ScheduleRecord | None:
        """Lock the enabled schedule that is due for the longest time, for `worker_id`; None when none is due.

        Two workers never get the same schedule, unless a lock is older than `lock_grace_seconds`: it counts as
        given up. Raises InvalidValueError for a worker that is no text or a negative grace.
        """
        ...

    async def release(
        self,
        schedule_id: str,
        *,
        next_run_at: int | None = None,
        worker_id: str | None = None,
        locked_at: int | None = None,
    ) -> bool:
        """Unlock the schedule and set when it is due again, if `next_run_at` is given.

        `worker_id` and `locked_at` name one claim: False, and nothing is changed, when the lock is another one's
        by now. A schedule that runs on demand is never due again.
        """
        ...

    async def delete(self, schedule_id: str, *, user_id: str | None = None) -> bool:
        """Delete the schedule and its runs; False when there is none (of that owner)."""
        ...
