"""Schedule runs in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.errors import NotFoundError
from agnodb.filters import Page, present
from agnodb.mongo.documents import texts
from agnodb.mongo.repository import MongoRepository
from agnodb.records.schedule_runs import ScheduleRunRecord, schedule_run_changes
from agnodb.rules.values import integer_in, text_in


class MongoScheduleRunRepository(MongoRepository[ScheduleRunRecord]):
    """See `agnodb.contracts.schedule_runs.ScheduleRunRepository`."""

    concept = "schedule_runs"
    record = ScheduleRunRecord

    async def get(self, run_id: str, *, user_id: str | None = None) -> ScheduleRunRecord | None:
        return await self.find(id=run_id, **present(user_id=user_id))

    async def page(
        self, page: Page, *, schedule_id: str, user_id: str | None = None
    ) -> tuple[list[ScheduleRunRecord], int]:
        return await self.paged(page, self.fields.encode({"schedule_id": schedule_id, **present(user_id=user_id)}))

    async def latest(self, schedule_ids: Iterable[str]) -> dict[str, ScheduleRunRecord]:
        last = {"triggered_at": -1, "created_at": -1, "id": -1}  # what was not triggered sorts as the earliest
        stages = [
            {"$match": {"schedule_id": {"$in": texts(schedule_ids)}}},
            {"$sort": {"schedule_id": 1, **last}},
            {"$group": {"_id": "$schedule_id", "run": {"$first": "$$ROOT"}}},
        ]
        runs = [self.read(row["run"]) for row in await self.call("latest", "aggregate", stages)]
        return {run.schedule_id: run for run in runs}

    async def create(self, run: ScheduleRunRecord) -> ScheduleRunRecord:
        stored = replace(run, created_at=clock.now() if run.created_at is None else run.created_at)
        match = {"id": text_in(run.schedule_id)}
        if await self.call("schedule", "find_one", match, {"_id": 1}, of="schedules") is None:
            raise NotFoundError("A record that this one belongs to does not exist.", schedule_id=run.schedule_id)
        await self.insert(stored)
        return stored

    async def update(self, run_id: str, changes: Mapping[str, Any]) -> ScheduleRunRecord | None:
        made = schedule_run_changes(changes)
        return await self.change(made, id=run_id) if made else await self.find(id=run_id)

    async def delete_completed(self, schedule_id: str, *, before: int) -> int:
        old = {"completed_at": {"$lt": integer_in(before), "$ne": None}}
        return await self.delete_where({"schedule_id": text_in(schedule_id), **old})
