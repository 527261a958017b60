"""Schedules in MongoDB."""

from __future__ import annotations

from typing import Any

from agnodb import clock
from agnodb.filters import present
from agnodb.mongo.documents import texts
from agnodb.mongo.repository import MongoRepository
from agnodb.records.schedules import ON_DEMAND, ScheduleRecord, run_endpoints
from agnodb.rules.schedules import Schedules, stale_lock
from agnodb.rules.values import integer_in, text_in


class MongoScheduleRepository(Schedules, MongoRepository[ScheduleRecord]):
    """See `agnodb.contracts.schedules.ScheduleRepository`."""

    async def get_by_name(self, name: str, *, user_id: str | None) -> ScheduleRecord | None:
        match = self.fields.encode({"name": name, "user_id": user_id})
        return self.record_of(await self.call("find", "find_one", match, self.fields.projection))

    async def disable_for_target(self, target_type: str, target_id: str, *, reason: str | None = None) -> int:
        aimed = [
            {"target_type": text_in(target_type), "target_id": text_in(target_id)},
            {"endpoint": {"$in": texts(run_endpoints(target_type, target_id))}},
        ]
        changes = self.fields.encode({"enabled": False, "disabled_reason": reason, "updated_at": clock.now()})
        match = {"$or": aimed, "enabled": True}
        done = await self.call("disable_for_target", "update_many", match, {"$set": changes})
        return int(done.matched_count)

    # -- the lock of the worker that runs it --------------------------------------------------------------------

    async def claim_due(self, worker_id: str, *, lock_grace_seconds: int = 300) -> ScheduleRecord | None:
        now = clock.now()
        free = [{"locked_by": None}, {"locked_at": {"$lte": stale_lock(now, lock_grace_seconds)}}]
        due = {"enabled": True, "next_run_at": {"$lte": now}, "$or": free}
        lock = {"$set": {"locked_by": text_in(worker_id), "locked_at": now}}
        options: dict[str, Any] = {"sort": [("next_run_at", 1), ("id", 1)], "return_document": True}
        projection = self.fields.projection
        found = await self.call("claim_due", "find_one_and_update", due, lock, projection=projection, **options)
        return self.record_of(found)

    async def release(
        self,
        schedule_id: str,
        *,
        next_run_at: int | None = None,
        worker_id: str | None = None,
        locked_at: int | None = None,
    ) -> bool:
        match = self.fields.encode(present(id=schedule_id, locked_by=worker_id, locked_at=locked_at))
        following: Any = "$next_run_at" if next_run_at is None else integer_in(next_run_at)
        changes = {
            "locked_by": None,
            "locked_at": None,
            "next_run_at": {"$cond": [{"$eq": ["$cron_expr", ON_DEMAND]}, None, following]},
            "updated_at": clock.now(),
        }
        done = await self.call("release", "update_one", match, [{"$set": changes}])
        return bool(done.matched_count)

    async def delete(self, schedule_id: str, *, user_id: str | None = None) -> bool:
        mine = self.fields.encode(present(id=schedule_id, user_id=user_id))
        return await self.delete_with("schedule_runs", "schedule_id", mine) > 0
