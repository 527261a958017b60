"""Schedules in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Executable, String, bindparam, case, func, null, or_, select, true, update

from agnodb import clock
from agnodb.filters import present
from agnodb.records.schedules import ON_DEMAND, ScheduleRecord, run_endpoints
from agnodb.rules.schedules import Schedules, stale_lock
from agnodb.rules.values import text_in
from agnodb.sql.single_rows import SingleRows


class SqlScheduleRepository(Schedules, SingleRows[ScheduleRecord]):
    """See `agnodb.contracts.schedules.ScheduleRepository`."""

    async def get_by_name(self, name: str, *, user_id: str | None) -> ScheduleRecord | None:
        if user_id is not None:
            return await self.find(name=name, user_id=user_id)
        return await self.first("find_unowned", self._find_unowned, self.rows.parameters({"name": name}))

    def _find_unowned(self) -> Executable:
        unowned = self.table.c.user_id.is_(None)
        return select(*self.rows.selected()).where(*self.equal(["name"]), unowned).limit(1)

    async def disable_for_target(self, target_type: str, target_id: str, *, reason: str | None = None) -> int:
        given = {
            "for_type": text_in(target_type),
            "for_id": text_in(target_id),
            "endpoints": self.dialect.texts(map(text_in, run_endpoints(target_type, target_id))),
        }
        values = {"enabled": False, "disabled_reason": reason, "updated_at": clock.now()}
        given.update(self.rows.parameters(values))
        return len(await self.run("disable_for_target", self._disable_for_target, given))

    def _disable_for_target(self) -> Executable:
        stored = self.table.c
        for_type, for_id = bindparam("for_type", type_=String()), bindparam("for_id", type_=String())
        aimed = or_(
            (stored.target_type == for_type) & (stored.target_id == for_id),
            self.dialect.any_of(stored.endpoint, "endpoints"),
        )
        values = self.rows.binds(("enabled", "disabled_reason", "updated_at"))
        return update(self.table).where(aimed, stored.enabled == true()).values(values).returning(self.key)

    # -- the lock of the worker that runs it --------------------------------------------------------------------

    async def claim_due(self, worker_id: str, *, lock_grace_seconds: int = 300) -> ScheduleRecord | None:
        now = clock.now()
        stale = stale_lock(now, lock_grace_seconds)
        lock = self.rows.parameters({"locked_by": text_in(worker_id), "locked_at": now})
        return await self.first("claim_due", self._claim_due, {**lock, "now": now, "stale": stale})

    def _claim_due(self) -> Executable:
        stored, now, stale = self.table.c, bindparam("now", type_=BigInteger()), bindparam("stale", type_=BigInteger())
        due = (
            (stored.enabled == true())
            & (stored.next_run_at <= now)
            & or_(stored.locked_by.is_(None), stored.locked_at <= stale)
        )
        first = self.dialect.claim_one(self.table, due, stored.next_run_at)
        lock = self.rows.binds(("locked_by", "locked_at"))
        return update(self.table).where(self.key == first).values(lock).returning(*self.rows.selected())

    async def release(
        self,
        schedule_id: str,
        *,
        next_run_at: int | None = None,
        worker_id: str | None = None,
        locked_at: int | None = None,
    ) -> bool:
        filters = present(id=schedule_id, locked_by=worker_id, locked_at=locked_at)
        given = self.rows.parameters({**filters, "next_run_at": next_run_at})
        return bool(await self.run("release", self._release, {**given, "now": clock.now()}, *sorted(filters)))

    def _release(self, *names: str) -> Executable:
        stored, given = self.table.c, self.rows.binds(["next_run_at"])["next_run_at"]
        following = case((stored.cron_expr == ON_DEMAND, null()), else_=func.coalesce(given, stored.next_run_at))
        values = {
            "locked_by": null(),
            "locked_at": null(),
            "next_run_at": following,
            "updated_at": bindparam("now", type_=BigInteger()),
        }
        return update(self.table).where(*self.equal(names)).values(values).returning(self.key)

    async def delete(self, schedule_id: str, *, user_id: str | None = None) -> bool:
        # The runs go with their schedule: the foreign key cascades.
        return await self.delete_one(schedule_id, **present(user_id=user_id))
