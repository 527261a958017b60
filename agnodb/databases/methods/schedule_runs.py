"""agno's methods for the runs of schedules."""

from __future__ import annotations

from typing import Any

from agnodb.databases.methods.base import Methods
from agnodb.filters import Page
from agnodb.records.schedule_runs import ScheduleRunRecord


class ScheduleRunMethods(Methods):
    """Schedule runs, as dictionaries. Each method is one statement; times are epoch seconds."""

    async def delete_schedule_runs(self, schedule_id: str, *, before: int) -> int:
        """Delete the schedule's runs that were completed before that time; their number."""
        return await self.repositories.schedule_runs.delete_completed(schedule_id, before=before)

    async def create_schedule_run(self, run_data: dict[str, Any]) -> dict[str, Any]:
        """Insert a schedule run; the data with its defaults (`created_at`: now).

        Raises DuplicateKeyError when the id is taken, NotFoundError when there is no such schedule,
        InvalidValueError for unknown or missing fields.
        """
        run = ScheduleRunRecord.of(run_data)
        return (await self.repositories.schedule_runs.create(run)).fill(run_data)

    async def update_schedule_run(self, schedule_run_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Set fields; the changed run, or None when there is none.

        Raises InvalidValueError for an unknown field, and for the id, the schedule, the owner and the creation
        time.
        """
        run = await self.repositories.schedule_runs.update(schedule_run_id, kwargs)
        return None if run is None else run.to_dict()

    async def get_schedule_run(self, run_id: str, user_id: str | None = None) -> dict[str, Any] | None:
        """The schedule run of that id, or None when there is none (of that owner)."""
        run = await self.repositories.schedule_runs.get(run_id, user_id=user_id)
        return None if run is None else run.to_dict()

    async def get_latest_schedule_runs(self, schedule_ids: list[str]) -> dict[str, dict[str, Any]]:
        """schedule id -> the run that was triggered last; schedules without runs are absent."""
        if not schedule_ids:
            return {}
        runs = await self.repositories.schedule_runs.latest(schedule_ids)
        return {schedule_id: run.to_dict() for schedule_id, run in runs.items()}

    async def get_schedule_runs(
        self, schedule_id: str, limit: int = 20, page: int = 1, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of a schedule's runs, the latest first, and the number of all that match."""
        runs, total = await self.repositories.schedule_runs.page(
            Page(limit, page), schedule_id=schedule_id, user_id=user_id
        )
        return [run.to_dict() for run in runs], total
