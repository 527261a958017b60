"""Schedule runs in SQL."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, Executable, bindparam, delete, func, select

from agnodb.records.schedule_runs import ScheduleRunRecord
from agnodb.rules.schedule_runs import ScheduleRuns
from agnodb.rules.values import integer_in, text_in
from agnodb.sql.single_rows import SingleRows


class SqlScheduleRunRepository(ScheduleRuns, SingleRows[ScheduleRunRecord]):
    """See `agnodb.contracts.schedule_runs.ScheduleRunRepository`."""

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

    async def delete_completed(self, schedule_id: str, *, before: int) -> int:
        given = {**self.rows.parameters({"schedule_id": schedule_id}), "before": integer_in(before)}
        return len(await self.run("delete_completed", self._delete_completed, given))

    def _delete_completed(self) -> Executable:
        old = self.table.c.completed_at < bindparam("before", type_=BigInteger())
        return delete(self.table).where(*self.equal(["schedule_id"]), old).returning(self.key)
