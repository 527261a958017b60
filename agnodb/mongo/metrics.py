"""Metrics in MongoDB."""

from __future__ import annotations

import datetime

from agnodb.errors import UnsupportedOperationError
from agnodb.filters import Page, present
from agnodb.mongo.repository import MongoRepository
from agnodb.records.metrics import MetricRecord
from agnodb.rules.values import date_in

_NOT_YET = "Metrics are not computed on MongoDB."


class MongoMetricRepository(MongoRepository[MetricRecord]):
    """See `agnodb.contracts.metrics.MetricRepository`. What is stored is read; nothing is computed."""

    concept = "metrics"
    record = MetricRecord

    async def report(
        self,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int | None]:
        rows, _ = await self.page(Page(), user_id=user_id, from_day=from_day, to_day=to_day)
        computed = [row.updated_at for row in rows if row.updated_at is not None]
        return rows, max(computed, default=None)

    async def refresh(self) -> list[MetricRecord] | None:
        raise UnsupportedOperationError(_NOT_YET)

    async def recompute(self, from_day: datetime.date, to_day: datetime.date) -> list[MetricRecord] | None:
        raise UnsupportedOperationError(_NOT_YET)

    async def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int]:
        match = self.fields.encode(present(user_id=user_id))
        days = {"$gte": from_day, "$lte": to_day}
        bounds = {bound: date_in(day).isoformat() for bound, day in days.items() if day is not None}
        return await self.paged(page, {**match, "date": bounds} if bounds else match)
