"""Metrics in MongoDB."""

from __future__ import annotations

import datetime

from agnodb import clock
from agnodb.errors import InvalidValueError
from agnodb.filters import Page, present
from agnodb.mongo.executor import Change, Executor
from agnodb.mongo.metric_days import EVERY_DAY, SOURCES, counted, counted_stages, seen, seen_stages
from agnodb.mongo.repository import Document, MongoRepository
from agnodb.records.metrics import MetricRecord
from agnodb.rules.metric_days import Seen, Span, Stale, batches, spans
from agnodb.rules.metrics import DAY, Place, Totals, compared, date_of, day_number, moved
from agnodb.rules.values import date_in

_BATCH = 20_000
"""So many sessions and runs are counted in one transaction, or those of one day: a transaction may last a minute."""


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
        for days in batches(await self._stale(again), _BATCH):
            tries = 0

            async def compute(executor: Executor, days: list[Stale] = days) -> tuple[list[MetricRecord], bool]:
                nonlocal tries
                tries += 1
                # An attempt whose end nobody saw may have written them.
                since = started if tries > 1 else None
                return await type(self)(executor, self._collections)._computed(days, since)

            rows, some = await self._executor.repeatable(compute)
            found, changed = [*found, *rows], changed or some
        return found if changed else None

    # -- which days -------------------------------------------------------------------------------------------

    async def _stale(self, again: tuple[int, int] | None) -> list[Stale]:
        """The days that are to be computed, in order."""
        now, days = await self._seen([EVERY_DAY]), await self._kept()
        stored = {
            day_number(datetime.date.fromisoformat(date)) for date in await self.call("dates", "distinct", "date")
        }
        today, stale = clock.now() // DAY, []
        for day in sorted({*now, *days, *stored}):
            forced = again is not None and again[0] <= day <= again[1]
            found = now.get(day, Seen())
            if forced or _is_news(found, days.get(day), over=day < today):
                stale.append(Stale(day, found.number, forced))
        return stale

    async def _seen(self, days: list[Span]) -> dict[int, Seen]:
        stages = seen_stages(days)
        return seen({source: await self.call("seen", "aggregate", stages, of=source) for source in SOURCES})

    async def _kept(self) -> dict[int, Document]:
        match = {"set": self._collections.key}
        return {row["day"]: row for row in await self.call("kept", "find", match, of="metric_days")}

    # -- some of them, in a transaction -----------------------------------------------------------------------

    async def _computed(self, days: list[Stale], since: int | None) -> tuple[list[MetricRecord], bool]:
        """The rows of `days` that changed, and whether any did, deleted ones too."""
        # Who refreshes at the same time waits: the one document is written first.
        one, counter = {"_id": self._collections.key}, {"$inc": {"metrics_computed": 1}}
        await self.call("one_at_a_time", "update_one", one, counter, of="versions")
        within, again, now = spans(days), {day.day for day in days if day.again}, clock.now()
        found, totals = await self._seen(within), await self._totals(within)
        rows, gone, changes = list[MetricRecord](), 0, list[Change]()
        for place in compared(totals, await self._stored(days), now):
            gone += len(place.unneeded)
            changes += [("DeleteOne", {"filter": self.fields.encode({"id": row.id})}) for row in place.unneeded]
            if place.row is None:
                continue
            if place.differs:
                changes.append(self._put(place.row))
            elif place.place[0] not in again and not _written_since(since, place.stored):
                continue
            rows.append(place.row)
        if changes:
            await self.call("put", "bulk_write", changes)
        notes: list[Change] = [self._note(day.day, found.get(day.day, Seen()), now) for day in days]
        await self.call("note", "bulk_write", notes, of="metric_days")
        return rows, bool(rows or gone)

    async def _totals(self, days: list[Span]) -> dict[Place, Totals]:
        sums: dict[Place, Totals] = {}
        for source in SOURCES:
            rows = await self.call("counted", "aggregate", counted_stages(source, days), of=source)
            for place, more in moved((None, counted(source, row)) for row in rows).items():
                sums.setdefault(place, Totals()).join(more)
        return sums

    async def _stored(self, days: list[Stale]) -> list[MetricRecord]:
        match = {"date": {"$in": [date_of(day.day).isoformat() for day in days]}}
        return list(map(self.read, await self.call("stored", "find", match, self.fields.projection)))

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
        joined = {"from": self._collections.name("metrics"), "pipeline": [{"$match": mine}, last], "as": "computed"}
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


def _written_since(since: int | None, stored: MetricRecord | None) -> bool:
    return since is not None and stored is not None and (stored.updated_at or 0) >= since


def _is_news(found: Seen, known: Document | None, *, over: bool) -> bool:
    return known is None or found.is_news(known["seen"], known["computed"], ended=over and known["today"])
