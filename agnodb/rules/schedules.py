"""Schedules, as every family keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.errors import InvalidValueError
from agnodb.filters import Page, present
from agnodb.records.schedules import ScheduleRecord, provenance_changes, schedule_changes
from agnodb.rules.keyed import Changed
from agnodb.rules.values import integer_in


def stale_lock(now: int, grace_seconds: int) -> int:
    """The last moment, in epoch seconds, at which a lock was taken that counts no longer at `now`.

    Raises InvalidValueError.
    """
    grace = integer_in(grace_seconds)
    if grace < 0:
        raise InvalidValueError("The grace of a lock must not be negative.", detail=repr(grace_seconds))
    return now - grace


class Schedules(Changed[ScheduleRecord]):
    """What `agnodb.contracts.schedules.ScheduleRepository` has for one schedule at a time, and its pages."""

    concept = "schedules"
    record = ScheduleRecord

    async def get(self, schedule_id: str, *, user_id: str | None = None) -> ScheduleRecord | None:
        return await self.one(schedule_id, **present(user_id=user_id))

    async def page(
        self, page: Page, *, enabled: bool | None = None, user_id: str | None = None
    ) -> tuple[list[ScheduleRecord], int]:
        return await self.listed(page, **present(enabled=enabled, user_id=user_id))

    async def create(self, schedule: ScheduleRecord) -> ScheduleRecord:
        created_at = clock.now() if schedule.created_at is None else schedule.created_at
        return await self.insert(replace(schedule, created_at=created_at))

    async def update(
        self, schedule_id: str, changes: Mapping[str, Any], *, user_id: str | None = None
    ) -> ScheduleRecord | None:
        made = {**schedule_changes(changes), "updated_at": clock.now()}
        return await self.change(schedule_id, made, **present(user_id=user_id))

    async def stamp(self, schedule_id: str, provenance: Mapping[str, Any]) -> bool:
        made = {**provenance_changes(provenance), "updated_at": clock.now()}
        return await self.change(schedule_id, made) is not None
