"""What every backend promises of spans."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from agnodb.errors import InvalidValueError
from agnodb.filters import Page
from agnodb.testing.conformance.traces import LIMA, NOON, TOKYO, a_span, a_trace, at
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES


class SpanConformance:
    """Spans."""

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        spans = [a_span(f"{n}", attributes={"v": value, "l": [value]}) for n, value in enumerate(ODD_VALUES)]
        assert await db.repositories.spans.create_many(spans) == len(spans)
        for span in spans:
            assert (await db.repositories.spans.get(span.span_id)).attributes == span.attributes

    async def test_any_text_comes_back(self, db: Any) -> None:
        spans = [
            a_span(f"{n}", name=text, status_message=text, parent_span_id=text, span_kind=text)
            for n, text in enumerate(ODD_TEXT)
        ]
        await db.repositories.spans.create_many(spans)
        for span in spans:
            read = await db.repositories.spans.get(span.span_id)
            assert (read.name, read.status_message, read.parent_span_id, read.span_kind) == (span.name,) * 4
            assert await db.repositories.spans.earliest(parent_span_id=span.parent_span_id) == [read]

    async def test_agnos_own_objects_come_and_go(self, db: Any) -> None:
        from agno.tracing.schemas import Span

        span = Span.from_dict(a_span(parent_span_id="x", status_message="m", end_time=at(0.5)).to_dict())
        assert await db.create_span(span) is None
        assert await db.get_span("p") == span
        assert await db.get_spans(trace_id="t") == await db.get_spans(parent_span_id="x") == [span]

    async def test_absence(self, db: Any) -> None:
        assert await db.get_span("x") is None
        assert await db.get_spans(trace_id="x") == []
        assert await db.create_spans([]) is None
        assert await db.get_span_stats() == ([], 0)
        assert await db.repositories.spans.page(Page()) == ([], 0)

    async def test_a_span_that_is_stored_stays_as_it_is(self, db: Any) -> None:
        create = db.repositories.spans.create_many
        assert await create([a_span(name="first"), a_span(name="second")]) == 1
        assert await create([a_span(name="third"), a_span("new", trace_id="t2")]) == 1
        assert (await db.get_span("p")).name == "first"
        assert (await db.get_span("new")).trace_id == "t2"

    async def test_spans_come_in_any_order_and_before_their_trace(self, db: Any) -> None:
        spans = [a_span(f"{n}", trace_id=f"t{n % 3}", start_time=at(9 - n), end_time=at(10)) for n in range(9)]
        await db.repositories.spans.create_many(spans)
        await db.repositories.traces.upsert(a_trace("t1"))
        assert [s.span_id for s in await db.get_spans(trace_id="t1")] == ["7", "4", "1"]
        assert [(await db.get_trace(f"t{n}")).total_spans for n in range(3)] == [3, 3, 3]
        assert (await db.get_trace("t1")).name == "Agent.run"

    async def test_a_stored_trace_is_not_touched(self, db: Any) -> None:
        await db.repositories.traces.upsert(a_trace())
        before = await db.repositories.traces.get(trace_id="t")
        await db.repositories.spans.create_many([a_span(start_time=at(-9), status_code="ERROR")])
        after = await db.repositories.traces.get(trace_id="t")
        assert after == replace(before, total_spans=1, error_count=1)

    async def test_a_bad_span_does_not_lose_the_others(self, db: Any) -> None:
        from agno.tracing.schemas import Span

        good = [Span.from_dict(a_span(name).to_dict()) for name in "abcdefg"]
        good[1].duration_ms = "long"  # type: ignore[assignment]
        good[2].start_time = None  # type: ignore[assignment]
        good[3].parent_span_id = "x" * 100_000
        good[4].span_id = None  # type: ignore[assignment]
        with pytest.raises(InvalidValueError):
            await db.create_spans([*good, "no span"])
        assert [s.span_id for s in await db.get_spans(trace_id="t")] == ["a", "f", "g"]
        with pytest.raises(InvalidValueError):
            await db.create_span(good[1])

    async def test_racing_writers_lose_nothing(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        batches = [
            [a_span(f"{n}", trace_id=f"t{n % 4}") for n in range(start, start + 30)] for start in range(0, 90, 10)
        ]

        async def store(number: int) -> int:
            writer = (db, other)[number % 2]
            spans = batches[number] if number % 2 else batches[number][::-1]
            await writer.repositories.traces.upsert(a_trace(f"t{number % 4}"))
            return int(await writer.repositories.spans.create_many(spans))

        assert sum(await asyncio.gather(*(store(n) for n in range(len(batches))))) == 110
        traces, total = await db.get_traces(limit=None)
        assert (total, sum(t.total_spans for t in traces), {t.name for t in traces}) == (4, 110, {"Agent.run"})

    async def test_a_transaction_takes_spans_back(self, db: Any) -> None:
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                await tx.spans.create_many([a_span()])
                raise LookupError
        assert await db.get_span("p") is None
        assert await db.get_trace("t") is None

    async def test_lists(self, db: Any) -> None:
        await db.repositories.spans.create_many(
            [a_span(f"{n}", start_time=at(n // 2), parent_span_id="p" if n else None) for n in range(5)]
        )
        spans, total = await db.repositories.spans.page(Page(2, 2), trace_id="t")
        assert ([s.span_id for s in spans], total) == (["2", "3"], 5)
        assert await db.repositories.spans.page(Page(2, 4), name="Model.call") == ([], 5)
        assert [s.span_id for s in await db.get_spans(parent_span_id="p", limit=2)] == ["1", "2"]
        assert len(await db.get_spans(limit=None)) == 5
        for zone in (UTC, TOKYO, LIMA):
            second = (NOON + timedelta(seconds=1)).astimezone(zone)
            spans, _ = await db.repositories.spans.page(Page(), start_time=second, end_time=second)
            assert [s.span_id for s in spans] == ["2", "3"]
        with pytest.raises(InvalidValueError):
            await db.get_spans(limit=-1)

    async def test_statistics(self, db: Any) -> None:
        await db.repositories.traces.upsert(a_trace())
        lasted = (100, 7, 33, 250)
        await db.repositories.spans.create_many(
            [
                *(a_span(f"{n}", duration_ms=lasted[n], start_time=at(n)) for n in (0, 2, 3)),
                a_span("1", duration_ms=lasted[1], start_time=at(1), status_code="ERROR"),
                a_span("tool", name="search", duration_ms=900, attributes={"openinference.span.kind": "TOOL"}),
                a_span("bare", name="search", duration_ms=1, attributes=None, trace_id="t2"),
            ]
        )
        groups, total = await db.get_span_stats()
        assert total == 3
        assert groups[0] == {
            "name": "Model.call",
            "span_type": "LLM",
            "total_calls": 4,
            "avg_duration_ms": 97.5,
            "p95_duration_ms": 227.5,
            "max_duration_ms": 250,
            "error_count": 1,
            "last_called_at": NOON + timedelta(seconds=3),
        }
        assert [group["span_type"] for group in groups[1:]] == ["TOOL", None]
        for sort_by in ("avg_duration_ms", "p95_duration_ms", "max_duration_ms"):
            found, _ = await db.get_span_stats(sort_by=sort_by, sort_order="asc")
            assert [group["span_type"] for group in found] == [None, "LLM", "TOOL"]
        assert (await db.get_span_stats(sort_by="error_count", limit=1))[0] == groups[:1]
        assert await db.get_span_stats(sort_by="last_called_at", limit=1, page=4) == ([], 3)
        assert await db.get_span_stats(span_type="TOOL") == ([groups[1]], 1)
        assert (await db.get_span_stats(name="search"))[1] == 2
        assert (await db.get_span_stats(agent_id="a"))[1] == 2
        assert (await db.get_span_stats(agent_id="b")) == ([], 0)
        tokyo = (NOON + timedelta(seconds=1)).astimezone(TOKYO)
        assert (await db.get_span_stats(start_time=tokyo, end_time=tokyo))[0][0]["total_calls"] == 1
        assert len((await db.get_span_stats(limit=None))[0]) == 3

    async def test_wrong_arguments_of_statistics(self, db: Any) -> None:
        for wrong in ({"sort_by": "name"}, {"sort_order": "up"}, {"page": 0}, {"limit": -1}, {"start_time": 5}):
            with pytest.raises(InvalidValueError):
                await db.get_span_stats(**wrong)
