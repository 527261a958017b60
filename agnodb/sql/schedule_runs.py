"""Schedule runs in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, Executable, bindparam, delete, func, select

from agnodb import clock
from agnodb.filters import Page, present
from agnodb.records.schedule_runs import ScheduleRunRecord, schedule_run_changes
from agnodb.rules.values import integer_in, text_in
from agnodb.sql.single_rows import SingleRows


class SqlScheduleRunRepository(SingleRows[ScheduleRunRecord]):
    """See `agnodb.contracts.schedule_runs.ScheduleRunRepository`."""

    concept = "schedule_runs"
    record = ScheduleRunRecord

    async def get(self, run_id: str, *, user_id: str | None = None) -> ScheduleRunRecord | None:
        return await self.find(id=run_id, **present(user_id=user_id))

    async def page(
        self, page: Page, *, schedule_id: str, user_id: str | None = None
    ) -> tuple[list[ScheduleRunRecord], int]:
        return await self.paged(page, {"schedule_id": schedule_id, **present(user_id=user_id)})

    async def latest(self, schedule_ids: Iterable[str]) -> dict[str, ScheduleRunRecord]:
        schedules = self.dialect.texts(text_in(schedule_id) for schedule_id in schedule_ids)
        rows = await self.run("latest", self._latest, {"schedules": schedules})
        return {run.schedule_id: run for run in map(self.rows.read, rows)}

    def _latest(self) -> Executable:
        """Each schedule's run is the first entry of an index: no statement ranks all runs of a schedule.

        The two kinds of runs are asked for apart, because databases disagree on where NULL sorts.
        """
        schedules, runs = self.tables.schedules, self.table.alias("other")
        order = (runs.c.triggered_at.desc(), runs.c.created_at.desc(), runs.c.id.desc())
        of_schedule = select(runs.c.id).where(runs.c.schedule_id == schedules.c.id).correlate(schedules).limit(1)
        triggered = of_schedule.where(runs.c.triggered_at.is_not(None)).order_by(*order)
        untriggered = of_schedule.where(runs.c.triggered_at.is_(None)).order_by(*order[1:])
        last = func.coalesce(triggered.scalar_subquery(), untriggered.scalar_subquery())
        chosen = self.dialect.any_of(schedules.c.id, "schedules")
        return select(*self.rows.selected()).select_from(schedules.join(self.table, self.key == last)).where(chosen)

    async def create(self, run: ScheduleRunRecord) -> ScheduleRunRecord:
        stored = replace(run, created_at=clock.now() if run.created_at is None else run.created_at)
        await self.insert(stored)
        return stored

    async def update(self, run_id: str, changes: Mapping[str, Any]) -> ScheduleRunRecord | None:
        made = schedule_run_changes(changes)
        return await self.change(made, id=run_id) if made else await self.find(id=run_id)

    async def delete_completed(self, schedule_id: str, *, before: int) -> int:
        given = {**self.rows.parameters({"schedule_id": schedule_id}), "before": integer_in(before)}
        return len(await self.run("delete_completed", self._delete_completed, given))

    def _delete_completed(self) -> Executable:
        old = self.table.c.completed_at < bindparam("before", type_=BigInteger())
        return delete(self.table).where(*self.equal(["schedule_id"]), old).returning(self.key)
