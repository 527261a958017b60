"""The repository of schedule runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from agnodb.filters import Page
from agnodb.records.schedule_runs import ScheduleRunRecord


class ScheduleRunRepository(Protocol):
    """Schedule runs by id. Each method is one statement; times are epoch seconds.

    `user_id=None` is agno's "unscoped".
    """

    async def get(self, run_id: str, *, user_id: str | None = None) -> ScheduleRunRecord | None:
        """The schedule run of that id (its own, not the agent's run id), or None (of that owner)."""
        ...

    async def page(
        self, page: Page, *, schedule_id: str, user_id: str | None = None
    ) -> tuple[list[ScheduleRunRecord], int]:
        """One page of a schedule's runs, by default the latest first, and the number of all that match."""
        ...

    async def latest(self, schedule_ids: Iterable[str]) -> dict[str, ScheduleRunRecord]:
        """schedule id -> the run that was triggered last; schedules without runs are absent.

        A run without a trigger time counts only where no run of the schedule has one.
        """
        ...

    async def create(self, run: ScheduleRunRecord) -> ScheduleRunRecord:
        """Insert the run; as it was stored, with `created_at`.

        Raises DuplicateKeyError for a taken id, NotFoundError when there is no such schedule.
        """
        ...

    async def update(self, run_id: str, changes: Mapping[str, Any]) -> ScheduleRunRecord | None:
        """Set columns; the changed run, or None when there is none.

        Raises InvalidValueError for an unknown column and for those that never change: the id, the schedule, the
        owner and the creation time.
        """
        ...

    async def delete_completed(self, schedule_id: str, *, before: int) -> int:
        """Delete the schedule's runs that were completed before that time; their number."""
        ...
