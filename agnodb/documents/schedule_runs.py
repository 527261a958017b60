"""Schedule runs in a document store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agnodb.documents.indexes import LAST_RUN
from agnodb.documents.repository import DocumentRepository
from agnodb.documents.store import Query
from agnodb.errors import NotFoundError
from agnodb.records.schedule_runs import ScheduleRunRecord
from agnodb.rules.schedule_runs import ScheduleRuns
from agnodb.rules.values import INT64, integer_in, text_in


class DocumentScheduleRunRepository(ScheduleRuns, DocumentRepository[ScheduleRunRecord]):
    """See `agnodb.contracts.schedule_runs.ScheduleRunRepository`."""

    @staticmethod
    def derived(record: Any) -> Mapping[str, Any]:
        # What was not triggered sorts as the earliest. A text, so that two numbers are one.
        times = (-INT64 if moment is None else moment for moment in (record.triggered_at, record.created_at))
        return {"last": " ".join(f"{moment + INT64:020d}" for moment in times)}

    async def latest(self, schedule_ids: Iterable[str]) -> dict[str, ScheduleRunRecord]:
        found: dict[str, ScheduleRunRecord] = {}
        for schedule_id in dict.fromkeys(schedule_ids):
            query = Query(self.collections.name("schedule_runs"), LAST_RUN, (text_in(schedule_id),), descending=True)
            for document in await self._executor.find(query, limit=1):
                found[schedule_id] = self.read(document)
        return found

    async def create(self, run: ScheduleRunRecord) -> ScheduleRunRecord:
        (schedule,) = await self._executor.get([self.address(self.key_of(run.schedule_id), "schedules")])
        if schedule is None:
            raise NotFoundError("A record that this one belongs to does not exist.", schedule_id=run.schedule_id)
        return await super().create(run)

    async def delete_completed(self, schedule_id: str, *, before: int) -> int:
        moment = integer_in(before)
        chosen = self.chosen(schedule_id=schedule_id)
        old = replace(chosen, keep=lambda run: run.completed_at is not None and run.completed_at < moment)
        return await self.delete_chosen(old)
