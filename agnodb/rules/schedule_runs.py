"""Schedule runs, as every family keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.filters import Page, present
from agnodb.records.schedule_runs import ScheduleRunRecord, schedule_run_changes
from agnodb.rules.keyed import Changed


class ScheduleRuns(Changed[ScheduleRunRecord]):
    """What `agnodb.contracts.schedule_runs.ScheduleRunRepository` has for one run at a time, and its pages."""

    concept = "schedule_runs"
    record = ScheduleRunRecord

    async def get(self, run_id: str, *, user_id: str | None = None) -> ScheduleRunRecord | None:
        return await self.one(run_id, **present(user_id=user_id))

    async def page(
        self, page: Page, *, schedule_id: str, user_id: str | None = None
    ) -> tuple[list[ScheduleRunRecord], int]:
        return await self.listed(page, schedule_id=schedule_id, **present(user_id=user_id))

    async def create(self, run: ScheduleRunRecord) -> ScheduleRunRecord:
        return await self.insert(replace(run, created_at=clock.now() if run.created_at is None else run.created_at))

    async def update(self, run_id: str, changes: Mapping[str, Any]) -> ScheduleRunRecord | None:
        made = schedule_run_changes(changes)
        return await self.change(run_id, made) if made else await self.one(run_id)
