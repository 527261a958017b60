"""agno's schedule methods."""

from __future__ import annotations

from typing import Any

from agnodb.databases.methods.base import Methods
from agnodb.filters import Page
from agnodb.records.schedules import ScheduleRecord


class ScheduleMethods(Methods):
    """Schedules, as dictionaries. Each method is one statement, hence atomic; times are epoch seconds."""

    async def get_schedule(self, schedule_id: str, user_id: str | None = None) -> dict[str, Any] | None:
        """The schedule, or None when there is none (of that owner)."""
        return _given(await self.repositories.schedules.get(schedule_id, user_id=user_id))

    async def get_schedule_by_name(self, name: str, user_id: str | None = None) -> dict[str, Any] | None:
        """The schedule of that name and owner, or None. No `user_id` means the schedule without an owner."""
        return _given(await self.repositories.schedules.get_by_name(name, user_id=user_id))

    async def get_schedules(
        self,
        enabled: bool | None = None,
        limit: int = 100,
        page: int = 1,
        user_id: str | None = None,
        raise_on_error: bool = False,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of schedules, the latest first, and the number of all that match.

        An error always raises, whatever `raise_on_error` says.
        """
        schedules, total = await self.repositories.schedules.page(Page(limit, page), enabled=enabled, user_id=user_id)
        return [schedule.to_dict() for schedule in schedules], total

    async def create_schedule(self, schedule_data: dict[str, Any]) -> dict[str, Any]:
        """Insert a schedule; the data with its defaults (`created_at`: now).

        Raises DuplicateKeyError when the id is taken, or the name by another schedule of the same owner;
        InvalidValueError for unknown or missing fields.
        """
        schedule = ScheduleRecord.of(schedule_data)
        return (await self.repositories.schedules.create(schedule)).fill(schedule_data)

    async def update_schedule(
        self, schedule_id: str, user_id: str | None = None, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Set fields; the changed schedule, or None when there is none (of that owner).

        Enabling a schedule clears the reason why it was disabled. Raises InvalidValueError for a field that only
        other methods may set (owner, provenance, lock) or that is unknown, DuplicateKeyError for a taken name.
        """
        return _given(await self.repositories.schedules.update(schedule_id, kwargs, user_id=user_id))

    async def delete_schedule(self, schedule_id: str, user_id: str | None = None) -> bool:
        """Delete the schedule and its runs; False when there is none (of that owner)."""
        return await self.repositories.schedules.delete(schedule_id, user_id=user_id)

    async def disable_schedules_for_target(self, target_type: str, target_id: str, reason: str | None = None) -> int:
        """Disable every enabled schedule aimed at that component, whoever owns it; their number."""
        return await self.repositories.schedules.disable_for_target(target_type, target_id, reason=reason)

    async def stamp_schedule_provenance(self, schedule_id: str, **provenance: Any) -> bool:
        """Set who manages the schedule, its target and the runs that wrote it; False when there is none.

        Raises InvalidValueError for any other field.
        """
        return await self.repositories.schedules.stamp(schedule_id, provenance)

    async def claim_due_schedule(self, worker_id: str, lock_grace_seconds: int = 300) -> dict[str, Any] | None:
        """Lock the schedule that is due for the longest time and give it to this worker; None when none is due.

        No two workers get the same one, unless a lock is older than `lock_grace_seconds`.
        """
        return _given(await self.repositories.schedules.claim_due(worker_id, lock_grace_seconds=lock_grace_seconds))

    async def release_schedule(
        self,
        schedule_id: str,
        next_run_at: int | None = None,
        *,
        worker_id: str | None = None,
        locked_at: int | None = None,
    ) -> bool:
        """Unlock the schedule and set when it is due again, if `next_run_at` is given; on demand means never.

        `worker_id` and `locked_at` name one claim: False, and nothing is changed, when it is over.
        """
        return await self.repositories.schedules.release(
            schedule_id, next_run_at=next_run_at, worker_id=worker_id, locked_at=locked_at
        )


def _given(schedule: ScheduleRecord | None) -> dict[str, Any] | None:
    return None if schedule is None else schedule.to_dict()
