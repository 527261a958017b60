"""Metrics in a document store."""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.documents.repository import DocumentRepository
from agnodb.documents.runs import DocumentRunRepository
from agnodb.documents.sessions import DocumentSessionRepository
from agnodb.documents.store import Write
from agnodb.errors import InvalidValueError
from agnodb.filters import Page, present
from agnodb.records.metrics import MetricRecord
from agnodb.records.runs import RunRecord
from agnodb.rules.metrics import Counted, Place, Totals, compared, day_number, moved, of_run, of_session
from agnodb.rules.values import date_in

_NAMESPACE = uuid.UUID("0b8f3c52-7a3e-5f5e-9a53-5d1b5b0a7c21")


class DocumentMetricRepository(DocumentRepository[MetricRecord]):
    """See `agnodb.contracts.metrics.MetricRepository`. A refresh reads all sessions and runs."""

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
        return await self._compute(None)

    async def recompute(self, from_day: datetime.date, to_day: datetime.date) -> list[MetricRecord] | None:
        first, last = date_in(from_day), date_in(to_day)
        if first > last:
            raise InvalidValueError("The first day is after the last one.")
        return await self._compute((day_number(first), day_number(last)))

    async def _compute(self, again: tuple[int, int] | None) -> list[MetricRecord] | None:
        """The rows that differ from what is stored, and those of the days `again`; None where nothing was done."""
        rows: dict[str, MetricRecord] = {}

        async def changes() -> list[Write]:
            changed: dict[str, MetricRecord | None] = {}
            for place in compared(await self._totals(), await self.every(), clock.now()):
                changed |= {row.id: None for row in place.unneeded}
                if (row := place.row) is None:
                    continue
                if place.stored is None:
                    row = replace(row, id=_id_of(place.place))
                if place.differs:
                    changed[row.id] = row
                elif again is None or not again[0] <= place.place[0] <= again[1]:
                    continue
                rows[row.id] = row
            documents = {self.read(document).id: document for document in await self.documents(changed)}
            return [
                self.without(documents[key]) if row is None else self.written(row, documents.get(key))
                for key, row in changed.items()
                if row is not None or key in documents
            ]

        done = await self.write_all(changes)
        return list(rows.values()) if rows or done else None

    async def _totals(self) -> dict[Place, Totals]:
        """What all sessions and runs count for."""
        sessions = DocumentSessionRepository(self._executor, self.collections)
        runs = DocumentRunRepository(self._executor, self.collections)
        counted = [of_session(one.session_type, one.user_id, one.created_at) for one in await sessions.every()]
        counted += [_of_run(run) for run in await runs.every()]
        return moved((None, one) for one in counted)

    # -- pages: after everything that names the type of the same name -----------------------------------------

    async def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int]:
        chosen = self.chosen(**present(user_id=user_id))
        low, high = (None if day is None else date_in(day).isoformat() for day in (from_day, to_day))
        if low is not None or high is not None:
            chosen = replace(chosen, ranged="date", low=low, high=high)
        return await self.paged(page, chosen)


def _id_of(place: Place) -> str:
    """Refreshes that race to count a day write one record."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps(place)))


def _of_run(run: RunRecord) -> Counted | None:
    document = run.run_data if isinstance(run.run_data, dict) else {}
    model, provider = (_text(document.get(name)) for name in ("model", "model_provider"))
    return of_run(run.run_type, run.user_id, run.created_at, document.get("metrics"), model, provider)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
