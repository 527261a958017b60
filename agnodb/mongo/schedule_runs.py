"""Schedule runs in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable

from agnodb.errors import NotFoundError
from agnodb.mongo.documents import texts
from agnodb.mongo.repository import MongoRepository
from agnodb.records.schedule_runs import ScheduleRunRecord
from agnodb.rules.schedule_runs import ScheduleRuns
from agnodb.rules.values import integer_in, text_in


class MongoScheduleRunRepository(ScheduleRuns, MongoRepository[ScheduleRunRecord]):
    """See `agnodb.contracts.schedule_runs.ScheduleRunRepository`."""

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
        match = {"id": text_in(run.schedule_id)}
        if await self.call("schedule", "find_one", match, {"_id": 1}, of="schedules") is None:
            raise NotFoundError("A record that this one belongs to does not exist.", schedule_id=run.schedule_id)
        return await super().create(run)

    async def delete_completed(self, schedule_id: str, *, before: int) -> int:
        old = {"completed_at": {"$lt": integer_in(before), "$ne": None}}
        return await self.delete_where({"schedule_id": text_in(schedule_id), **old})
