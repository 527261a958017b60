"""Traces in MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from agnodb.contracts.traces import Groups
from agnodb.errors import OwnershipError, UnavailableError
from agnodb.filters import Page, present
from agnodb.mongo.documents import lookup
from agnodb.mongo.repository import ROUNDS, Document, MongoRepository
from agnodb.mongo.statistics import DURATIONS, of_status, p95
from agnodb.mongo.trace_filters import condition
from agnodb.records.traces import TraceRecord, TraceRow
from agnodb.rules.statistics import COMPONENTS, OWNERS, group
from agnodb.rules.times import time_from, time_in, time_now
from agnodb.rules.traces import Asked, Traces, merged_trace

_SPANS = "agnodb_spans"
_COUNTS = {"n": {"$sum": 1}, "errors": of_status("status_code", "ERROR")}


class MongoTraceRepository(Traces, MongoRepository[TraceRow]):
    """See `agnodb.contracts.traces.TraceRepository`."""

    # -- reads ------------------------------------------------------------------------------------------------

    async def get(self, *, trace_id: str | None = None, run_id: str | None = None) -> TraceRecord | None:
        filters = {"trace_id": trace_id} if trace_id is not None else present(run_id=run_id)
        if not filters:
            return None
        latest = [{"$sort": {"start_time": -1, "trace_id": -1}}, {"$limit": 1}]
        counted = lookup(self._collections.name("spans"), "trace_id", _SPANS, [{"$group": {"_id": None, **_COUNTS}}])
        stages = [{"$match": self.fields.encode(filters)}, *latest, counted]
        rows = await self.call("get", "aggregate", stages)
        return self._counted_record(rows[0]) if rows else None

    async def _asked(self, page: Page, asked: Asked) -> tuple[list[TraceRecord], int]:
        rows, total = await self.paged(page, {"$and": self._conditions("start_time", "end_time", asked)})
        return cast("list[TraceRecord]", rows), total

    async def read_all(self, rows: Sequence[Document]) -> list[TraceRow]:
        """The traces, with the counts of their spans: one command for all."""
        if not rows:
            return []
        counts = {"_id": "$trace_id", **_COUNTS}
        match = {"trace_id": {"$in": [row["trace_id"] for row in rows]}}
        found = await self.call("spans", "aggregate", [{"$match": match}, {"$group": counts}], of="spans")
        by_trace = {row["_id"]: [row] for row in found}
        return [self._counted_record({**row, _SPANS: by_trace.get(row["trace_id"])}) for row in rows]

    def _counted_record(self, row: Document) -> TraceRecord:
        trace = cast("TraceRecord", self.fields.read(row, TraceRecord))
        if row.get(_SPANS):
            trace.total_spans, trace.error_count = row[_SPANS][0]["n"], row[_SPANS][0]["errors"]
        trace.duration_ms = round(trace.duration_ms)
        return trace

    def _conditions(self, start: str, end: str, asked: Asked) -> list[Document]:
        """That of the fields, and the others that are set: `start` and `end` are the fields of their times."""
        conditions: list[Document] = [self.fields.encode(asked.filters)]
        if asked.start_time is not None:
            conditions.append({start: {"$gte": time_from(asked.start_time)}})
        if asked.end_time is not None:
            conditions.append({end: {"$lte": time_in(asked.end_time)}})
        if asked.expression is not None:
            conditions.append(condition(asked.expression))
        return conditions

    # -- statistics -------------------------------------------------------------------------------------------

    async def _grouped(self, page: Page, columns: tuple[str, ...], asked: Asked) -> Groups:
        key = columns[0]
        there: Document = dict.fromkeys(COMPONENTS) if key == "name" else {key: {"$ne": None}}
        match = {"$match": {"$and": [there, *self._conditions("created_at", "created_at", asked)]}}
        stages = [match, *(self._by_session() if key == "session_id" else self._by_component(key))]
        return await self.grouped("stats", stages, page, lambda row: group(columns, {**row, key: row["_id"]}))

    @staticmethod
    def _by_session() -> list[Document]:
        ids = {name: {"$max": f"${name}"} for name in OWNERS}
        times = {"first_trace_at": {"$min": "$created_at"}, "last_trace_at": {"$max": "$created_at"}}
        values = {"_id": "$session_id", **ids, "total_traces": {"$sum": 1}, **times}
        return [{"$group": values}, {"$sort": {"last_trace_at": -1, "_id": 1}}]

    @staticmethod
    def _by_component(key: str) -> list[Document]:
        values = {
            "_id": f"${key}",
            "total_traces": {"$sum": 1},
            "sessions": {"$addToSet": "$session_id"},
            **DURATIONS,
            "error_traces": of_status("status", "ERROR"),
            "first_trace_at": {"$min": "$created_at"},
            "last_trace_at": {"$max": "$created_at"},
        }
        sessions = {"$size": {"$setDifference": ["$sessions", [None]]}}
        computed = {"$set": {"p95_duration_ms": p95(), "total_sessions": sessions}}
        order = {"$sort": {"total_traces": -1, "_id": 1}}
        return [{"$sort": {"duration_ms": 1}}, {"$group": values}, computed, order]

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, trace: TraceRow) -> None:
        created_at = time_now() if trace.created_at is None else trace.created_at
        times: dict[str, Any] = {name: time_in(getattr(trace, name)) for name in ("start_time", "end_time")}
        new = replace(trace, created_at=time_in(created_at), **times)
        given = self.fields.encode(self.fields.values(new))

        def merged(stored: TraceRow) -> Document:
            if trace.user_id is not None and stored.user_id not in (None, trace.user_id):
                raise OwnershipError(trace_id=trace.trace_id, user_id=trace.user_id)
            return self.fields.encode(self.fields.values(merged_trace(stored, new)))

        for _ in range(ROUNDS):
            if await self.insert_absent(given["trace_id"], given):
                return
            if await self.change_as_read("merge", {"trace_id": given["trace_id"]}, merged) is not None:
                return
        raise UnavailableError(trace_id=trace.trace_id, detail="others delete this trace all the time")
