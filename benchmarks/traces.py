"""Traces: the newest of many, and a hundred spans at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from agno.tracing.schemas import Span, Trace

from benchmarks import filling
from benchmarks.data import PAGE
from benchmarks.measure import Bench
from benchmarks.sides import Facade, create_tables, sides

SMALL, LARGE = 50_000, 1_000_000
SPANS_OF_A_TRACE, SPANS_AT_ONCE = 4, 100
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = itertools.count()
FIRST = Trace(
    trace_id="t1", name="Agent.run", status="OK", start_time=NOW, end_time=NOW, duration_ms=0, total_spans=0,
    error_count=0, run_id="r1", session_id="s", user_id="u", agent_id="a", team_id=None, workflow_id=None,
    created_at=NOW,
)  # fmt: skip
SPAN_COLUMNS = (
    "span_id", "trace_id", "parent_span_id", "name", "span_kind", "status_code", "status_message", "start_time",
    "end_time", "duration_ms", "attributes", "created_at",
)  # fmt: skip


async def run(bench: Bench) -> None:
    await _traces(bench, SMALL, spans=True)


async def run_million(bench: Bench) -> None:
    await _traces(bench, LARGE, spans=False)


async def _traces(bench: Bench, count: int, *, spans: bool) -> None:
    async with sides(bench.url, bench.only) as direct, sides(bench.proxy.url(bench.url), bench.only) as wired:
        await create_tables(direct, bench.url)
        connection = await asyncpg.connect(bench.url)
        for side in direct:
            if isinstance(side, Facade):
                # agno's adapter makes these two tables at the first write.
                await side.db.upsert_trace(FIRST)
                await side.db.create_spans(batches(1)[0])
                await connection.execute(f"TRUNCATE {side.schema}.agno_traces, {side.schema}.agno_spans")
            await filling.traces(connection, side.schema, count, SPANS_OF_A_TRACE)
        await connection.close()
        pages: dict[str, dict[str, Any]] = {"": {}, ", one user": {"user_id": "user-7"}}
        for suffix, filters in pages.items():

            async def page(side: Any, _: Any, filters: dict[str, Any] = filters) -> Any:
                if isinstance(side, Facade):
                    return await side.db.get_traces(limit=PAGE, page=1, **filters)
                return await side.fetch(_page_sql(side.schema, **filters))

            await bench.compare(f"get_traces, {count:,}{suffix}", page, lambda n: [None] * n, direct, wired)
        if spans:
            await bench.compare(f"create_spans({SPANS_AT_ONCE})", save_spans, batches, direct, wired)


def _page_sql(schema: str, user_id: str | None = None) -> str:
    where = f" WHERE user_id = '{user_id}'" if user_id else ""
    return (
        f"SELECT t.*, (SELECT count(*) FROM {schema}.agno_traces{where}),"
        f" (SELECT count(*) FROM {schema}.agno_spans s WHERE s.trace_id = t.trace_id)"
        f" FROM {schema}.agno_traces t{where} ORDER BY start_time DESC LIMIT {PAGE}"
    )


def batches(number: int) -> Sequence[list[Span]]:
    return [
        [
            Span(
                span_id=f"new-{next(NUMBERS)}", trace_id=f"t{1 + n}", parent_span_id=None, name="step",
                span_kind="INTERNAL", status_code="OK", status_message=None, start_time=NOW, end_time=NOW,
                duration_ms=3, attributes={"input.value": "x" * 200, "llm.model": "model-1", "tokens": 12},
                created_at=NOW,
            )
            for _ in range(SPANS_AT_ONCE)
        ]
        for n in range(number)
    ]  # fmt: skip


async def save_spans(side: Any, spans: list[Span]) -> Any:
    """The floor writes the same rows by one statement over arrays."""
    if isinstance(side, Facade):
        return await side.db.create_spans(spans)
    moment = NOW.isoformat()
    columns = [
        [span.span_id for span in spans], [span.trace_id for span in spans], [None] * len(spans),
        [span.name for span in spans], [span.span_kind for span in spans], [span.status_code for span in spans],
        [None] * len(spans), [moment] * len(spans), [moment] * len(spans), [span.duration_ms for span in spans],
        [orjson.dumps(span.attributes).decode() for span in spans], [moment] * len(spans),
    ]  # fmt: skip
    types = ["bigint" if name == "duration_ms" else "text" for name in SPAN_COLUMNS]
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types, 1))
    chosen = ", ".join(f"{name}::jsonb" if name == "attributes" else name for name in SPAN_COLUMNS)
    sql = (
        f"INSERT INTO {side.schema}.agno_spans ({', '.join(SPAN_COLUMNS)}) SELECT {chosen}"
        f" FROM unnest({arrays}) AS u({', '.join(SPAN_COLUMNS)})"
    )
    return await side.fetch(sql, *columns)
