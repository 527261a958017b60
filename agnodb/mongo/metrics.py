"""Metrics in MongoDB."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agnodb import clock
from agnodb.errors import InvalidValueError
from agnodb.filters import Page, present
from agnodb.mongo.executor import Change, Executor
from agnodb.mongo.metric_days import EVERY_DAY, MARGIN, SOURCES, Seen, counted, counted_stages, seen, seen_stages
from agnodb.mongo.repository import Document, MongoRepository
from agnodb.records.metrics import MetricRecord
from agnodb.rules.metrics import DAY, Place, Totals, date_of, day_number, moved, row_of, says_the_same
from agnodb.rules.values import date_in

_BATCH = 20_000
"""So many sessions and runs are counted in one transaction, or those of one day: a transaction may last a minute."""

Days = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Stale:
    day: int
    number: int
    again: bool


class MongoMetricRepository(MongoRepository[MetricRecord]):
    """See `agnodb.contracts.metrics.MetricRepository`.

    Here a refresh looks at the index entries of all sessions and runs, and reads what counts of those whose day has
    changed (see `agnodb.mongo.metric_days`). Some days are one transaction; where the server has none, each row is one.
    """

    concept = "metrics"
    record = MetricRecord
    idempotent = frozenset({"put", "note", "one_at_a_time"})

    async def refresh(self) -> list[MetricRecord] | None:
        return await self._compute(None)

    async def recompute(self, from_day: datetime.date, to_day: datetime.date) -> list[MetricRecord] | None:
        first, last = date_in(from_day), date_in(to_day)
        if first > last:
            raise InvalidValueError("The first day is after the last one.")
        return await self._compute((day_number(first), day_number(last)))

    async def _compute(self, again: tuple[int, int] | None) -> list[MetricRecord] | None:
        started, found, changed = clock.now(), list[MetricRecord](), False
        for days in _batches(await self._stale(again)):
            tries = 0

            async def compute(executor: Executor, days: list[_Stale] = days) -> tuple[list[MetricRecord], bool]:
                nonlocal tries
                tries += 1
                # An attempt whose end nobody saw may have written them.
                since = started if tries > 1 else None
                return await type(self)(executor, self._collections)._computed(days, since)

            rows, some = await self._executor.repeatable(compute)
            found, changed = [*found, *rows], changed or some
        return found if changed else None

    # -- which days -------------------------------------------------------------------------------------------

    async def _stale(self, again: tuple[int, int] | None) -> list[_Stale]:
        """The days that are to be computed, in order."""
        now, days = await self._seen([EVERY_DAY]), await self._kept()
        stored = {
            day_number(datetime.date.fromisoformat(date)) for date in await self.call("dates", "distinct", "date")
        }
        today, stale = clock.now() // DAY, []
        for day in sorted({*now, *days, *stored}):
            forced = again is not None and again[0] <= day <= again[1]
            found = now.get(day, Seen())
            if forced or _is_stale(found, days.get(day), over=day < today):
                stale.append(_Stale(day, found.number, forced))
        return stale

    async def _seen(self, days: Days) -> dict[int, Seen]:
        stages = seen_stages(days)
        return seen({source: await self.call("seen", "aggregate", stages, of=source) for source in SOURCES})

    async def _kept(self) -> dict[int, Document]:
        match = {"set": self._collections.key}
        return {row["day"]: row for row in await self.call("kept", "find", match, of="metric_days")}

    # -- some of them, in a transaction -----------------------------------------------------------------------

    async def _computed(self, days: list[_Stale], since: int | None) -> tuple[list[MetricRecord], bool]:
        """The rows of `days` that changed, and whether any did, deleted ones too."""
        # Who refreshes at the same time waits: the one document is written first.
        one, counter = {"_id": self._collections.key}, {"$inc": {"metrics_computed": 1}}
        await self.call("one_at_a_time", "update_one", one, counter, of="versions")
        spans, again, now = _spans(days), {day.day for day in days if day.again}, clock.now()
        found, totals = await self._seen(spans), await self._totals(spans)
        stored = await self._stored(days)
        changes: list[Change] = []
        rows, gone = [], 0
        for place in sorted({*totals, *stored}):
            total, there = totals.get(place, Totals()), stored.get(place, [])
            first = there[0] if there else None
            unneeded = there[1:] if total else there
            gone += len(unneeded)
            changes += [("DeleteOne", {"filter": self.fields.encode({"id": row.id})}) for row in unneeded]
            if not total:
                continue
            row = row_of(place, total, now, first)
            if first is None or not says_the_same(row, first):
                changes.append(self._put(row))
            elif place[0] not in again and (since is None or (first.updated_at or 0) < since):
                continue
            rows.append(row)
        if changes:
            await self.call("put", "bulk_write", changes)
        notes: list[Change] = [self._note(day.day, found.get(day.day, Seen()), now) for day in days]
        await self.call("note", "bulk_write", notes, of="metric_days")
        return rows, bool(rows or gone)

    async def _totals(self, days: Days) -> dict[Place, Totals]:
        sums: dict[Place, Totals] = {}
        for source in SOURCES:
            rows = await self.call("counted", "aggregate", counted_stages(source, days), of=source)
            for place, more in moved((None, counted(source, row)) for row in rows).items():
                sums.setdefault(place, Totals()).join(more)
        return sums

    async def _stored(self, days: list[_Stale]) -> dict[Place, list[MetricRecord]]:
        match = {"date": {"$in": [date_of(day.day).isoformat() for day in days]}}
        found: dict[Place, list[MetricRecord]] = {}
        for row in map(self.read, await self.call("stored", "find", match, self.fields.projection)):
            found.setdefault((day_number(row.date), row.user_id or ""), []).append(row)
        return found

    def _put(self, row: MetricRecord) -> Change:
        document = self.fields.encode(self.fields.values(row))
        return "ReplaceOne", {"filter": {"id": document["id"]}, "replacement": document, "upsert": True}

    def _note(self, day: int, found: Seen, now: int) -> Change:
        told = {"seen": list(found.seen), "computed": now, "today": day >= now // DAY}
        match = {"set": self._collections.key, "day": day}
        if not found.number:
            return "DeleteOne", {"filter": match}
        return "UpdateOne", {"filter": match, "update": {"$set": told}, "upsert": True}

    # -- reads ------------------------------------------------------------------------------------------------

    async def report(
        self,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int | None]:
        mine = self.fields.encode(present(user_id=user_id))
        last = {"$group": {"_id": None, "last": {"$max": "$updated_at"}}}
        joined = {"from": self.name_of("metrics"), "pipeline": [{"$match": mine}, last], "as": "computed"}
        match, order = {**mine, **_days(from_day, to_day)}, self.ordered(Page().checked(self.listing))
        shown = {**self.fields.projection, "computed": 1}
        stages = [{"$match": match}, *order, {"$lookup": joined}, {"$project": shown}]
        rows = await self.call("report", "aggregate", stages)
        return [self.read(row) for row in rows], rows[0]["computed"][0]["last"] if rows else None

    async def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int]:
        match = self.fields.encode(present(user_id=user_id))
        return await self.paged(page, {**match, **_days(from_day, to_day)})


def _days(from_day: datetime.date | None, to_day: datetime.date | None) -> Document:
    bounds = {} if from_day is None else {"$gte": date_in(from_day).isoformat()}
    if to_day is not None and date_in(to_day) < datetime.date.max:
        bounds["$lt"] = (date_in(to_day) + datetime.timedelta(days=1)).isoformat()
    return {"date": bounds} if bounds else {}


def _is_stale(found: Seen, known: Document | None, *, over: bool) -> bool:
    if known is None or known["seen"] != list(found.seen):
        return True
    return bool(found.written >= known["computed"] - MARGIN or (over and known["today"]))


def _batches(days: Iterable[_Stale]) -> Iterator[list[_Stale]]:
    batch: list[_Stale] = []
    for day in days:
        if batch and sum(other.number for other in batch) + day.number > _BATCH:
            yield batch
            batch = []
        batch.append(day)
    if batch:
        yield batch


def _spans(days: Iterable[_Stale]) -> Days:
    """The days as few spans: each a first and a last day."""
    spans: Days = []
    for day in (day.day for day in days):
        first, last = spans.pop() if spans and spans[-1][1] == day - 1 else (day, day)
        spans.append((first, max(last, day)))
    return spans
