"""Spans in MongoDB."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agnodb.contracts.traces import Groups
from agnodb.errors import DuplicateKeyError
from agnodb.filters import Page, present
from agnodb.mongo.documents import lookup
from agnodb.mongo.repository import Document, MongoRepository
from agnodb.mongo.statistics import DURATIONS, of_status, p95
from agnodb.records.spans import SpanRecord
from agnodb.rules.placeholders import placeholders
from agnodb.rules.spans import Spans
from agnodb.rules.statistics import SPAN_GROUPS, SPAN_STATS, SPAN_TYPE, group
from agnodb.rules.times import time_from, time_in
from agnodb.rules.values import text_in

_TIMES = ("start_time", "end_time", "created_at")


class MongoSpanRepository(Spans, MongoRepository[SpanRecord]):
    """See `agnodb.contracts.spans.SpanRepository`."""

    # -- reads ------------------------------------------------------------------------------------------------

    async def page(
        self,
        page: Page,
        *,
        trace_id: str | None = None,
        parent_span_id: str | None = None,
        name: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
    ) -> tuple[list[SpanRecord], int]:
        filters = self.fields.encode(present(trace_id=trace_id, parent_span_id=parent_span_id, name=name))
        return await self.paged(page, {**filters, **self._started(start_time, end_time)})

    async def earliest(
        self, limit: int | None = None, *, trace_id: str | None = None, parent_span_id: str | None = None
    ) -> list[SpanRecord]:
        match = self.fields.encode(present(trace_id=trace_id, parent_span_id=parent_span_id))
        return [self.read(row) for row in await self.first("earliest", match, limit)]

    @staticmethod
    def _started(from_time: Any, to_time: Any) -> Document:
        """from_time <= start <= to_time, as far as they are set."""
        bounds = {} if from_time is None else {"$gte": time_from(from_time)}
        if to_time is not None:
            bounds["$lte"] = time_in(to_time)
        return {"start_time": bounds} if bounds else {}

    # -- writes -----------------------------------------------------------------------------------------------

    def _made(self, span: SpanRecord, now: str) -> Document:
        values = self.fields.values(span)
        values["created_at"] = now if span.created_at is None else span.created_at
        return self.fields.encode({**values, **{name: time_in(values[name]) for name in _TIMES}})

    async def _store(self, made: list[Document], now: str) -> int:
        made.sort(key=lambda row: str(row["span_id"]))
        # The traces first: what fails in between leaves placeholders, never spans of no trace.
        await self._insert_absent("traces", "trace_id", placeholders(made, now))
        return await self._insert_absent("spans", "span_id", made)

    async def _insert_absent(self, concept: str, key: str, documents: list[Document]) -> int:
        """Insert those of `documents` whose key is not taken; their number. One command."""
        if not self._executor.final:  # an error on a key would end the transaction
            keys = {key: {"$in": [document[key] for document in documents]}}
            taken = set(await self.call("taken", "distinct", key, keys, of=concept))
            documents = [document for document in documents if document[key] not in taken]
            if not documents:
                return 0
        copies = [dict(document) for document in documents]
        try:
            done = await self.call("create", "insert_many", copies, of=concept, ordered=False)
        except DuplicateKeyError as taken_keys:
            return int(taken_keys.facts.get("inserted", 0))
        return len(done.inserted_ids)

    # -- statistics -------------------------------------------------------------------------------------------

    async def stats(
        self,
        page: Page,
        *,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        name: str | None = None,
        span_type: str | None = None,
    ) -> Groups:
        sorting = page.checked(SPAN_GROUPS)
        match = {**self.fields.encode(present(name=name)), **self._started(start_time, end_time)}
        kind = {"$getField": {"field": {"$literal": SPAN_TYPE}, "input": {"$ifNull": ["$attributes", {}]}}}
        stages: list[Document] = [{"$match": match}, {"$set": {"span_type": {"$ifNull": [kind, None]}}}]
        if span_type is not None:
            stages.append({"$match": {"span_type": text_in(span_type)}})
        components = present(agent_id=agent_id, team_id=team_id, workflow_id=workflow_id)
        if components:
            of_trace = {f"trace.{component}": text_in(value) for component, value in components.items()}
            stages += [lookup(self._collections.name("traces"), "trace_id", "trace"), {"$match": of_trace}]
        values = {
            "_id": {"name": "$name", "span_type": "$span_type"},
            "total_calls": {"$sum": 1},
            **DURATIONS,
            "error_count": of_status("status_code", "ERROR"),
            "last_called_at": {"$max": "$start_time"},
        }
        way = 1 if sorting.sort_order == "asc" else -1
        untyped = {"$cond": [{"$eq": ["$_id.span_type", None]}, 1, 0]}
        stages += [
            {"$sort": {"duration_ms": 1}},
            {"$group": values},
            {"$set": {"p95_duration_ms": p95(), "untyped": untyped}},
            {"$sort": {str(sorting.sort_by): way, "_id.name": 1, "untyped": 1, "_id.span_type": 1}},
        ]
        groups = Page(page.limit, page.page)
        return await self.grouped("stats", stages, groups, lambda row: group(SPAN_STATS, {**row, **row["_id"]}))
