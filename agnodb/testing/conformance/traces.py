"""What every backend promises of traces."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page
from agnodb.records.spans import SpanRecord
from agnodb.records.traces import PLACEHOLDER_NAME, TraceRecord
from agnodb.testing.conformance.values import ODD_TEXT

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TOKYO, LIMA = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))


def at(seconds: float) -> str:
    """A time, in seconds after noon."""
    return (NOON + timedelta(seconds=seconds)).isoformat()


def a_trace(trace_id: str = "t", **fields: Any) -> TraceRecord:
    """A trace of alice's agent from noon on, two seconds long, unless `fields` say otherwise."""
    given = {
        "name": "Agent.run",
        "status": "OK",
        "start_time": at(0),
        "end_time": at(2),
        "duration_ms": 2000,
        "run_id": "r",
        "session_id": "s",
        "user_id": "alice",
        "agent_id": "a",
        "created_at": at(3),
        **fields,
    }
    return TraceRecord(trace_id=trace_id, **given)


def a_span(span_id: str = "p", **fields: Any) -> SpanRecord:
    """A span of the trace 't' from noon on, one second long, unless `fields` say otherwise."""
    given = {
        "trace_id": "t",
        "name": "Model.call",
        "span_kind": "INTERNAL",
        "status_code": "OK",
        "start_time": at(0),
        "end_time": at(1),
        "duration_ms": 1000,
        "attributes": {"openinference.span.kind": "LLM"},
        "created_at": at(3),
        **fields,
    }
    return SpanRecord(span_id=span_id, **given)


async def save(db: Any, *traces: TraceRecord) -> None:
    """Upsert `traces`, one after the other."""
    for trace in traces:
        await db.repositories.traces.upsert(trace)


async def ids(db: Any, **arguments: Any) -> list[str]:
    """The ids of the traces that match, the latest first."""
    return [trace.trace_id for trace in (await db.repositories.traces.page(Page(), **arguments))[0]]


class TraceConformance:
    """Traces."""

    async def test_a_trace_comes_back_as_it_was_saved(self, db: Any) -> None:
        await save(db, a_trace(team_id="m", workflow_id="w", start_time=at(0.25)))
        read = await db.repositories.traces.get(trace_id="t")
        assert datetime.fromisoformat(read.start_time) == datetime.fromisoformat(at(0.25))
        given = a_trace(team_id="m", workflow_id="w", start_time=read.start_time).to_dict()
        one_form = {name: given[name].replace("+", ".000000+") for name in ("end_time", "created_at")}
        assert read.to_dict() == {**given, **one_form}

    async def test_any_text_comes_back(self, db: Any) -> None:
        for number, text in enumerate(ODD_TEXT):
            await save(db, a_trace(f"t{number}", name=text, user_id=text, session_id=text, agent_id=text))
            read = await db.repositories.traces.get(trace_id=f"t{number}")
            assert (read.name, read.user_id, read.session_id, read.agent_id) == (text, text, text, text)
            assert await ids(db, session_id=text) == [f"t{number}"]

    async def test_agnos_own_objects_come_and_go(self, db: Any) -> None:
        from agno.tracing.schemas import Trace

        given = a_trace(end_time=at(2.5)).to_dict()
        trace = Trace.from_dict({**given, "total_spans": 0, "error_count": 0})
        assert await db.upsert_trace(trace) is None
        assert await db.get_trace(trace_id="t") == trace
        assert await db.get_trace(run_id="r") == trace
        assert await db.get_traces() == ([trace], 1)

    async def test_absence(self, db: Any) -> None:
        await save(db, a_trace())
        assert await db.get_trace() is None
        assert await db.get_trace(trace_id="x") is None
        assert await db.get_trace(run_id="x") is None
        assert await db.get_traces(session_id="x") == ([], 0)
        assert await db.get_trace_stats(user_id="x") == ([], 0)

    async def test_a_run_gives_its_latest_trace(self, db: Any) -> None:
        await save(db, a_trace("new", start_time=at(1)), a_trace("old"))
        assert (await db.repositories.traces.get(run_id="r")).trace_id == "new"

    async def test_wrong_values_are_refused(self, db: Any) -> None:
        wrongs: tuple[tuple[str, Any], ...] = (
            ("start_time", "noon"),
            ("end_time", None),
            ("duration_ms", "1"),
            ("name", None),
            ("trace_id", 7),
        )
        for name, wrong in wrongs:
            with pytest.raises(InvalidValueError):
                await save(db, replace(a_trace(), **{name: wrong}))
        with pytest.raises(InvalidValueError):
            await db.upsert_trace({"trace_id": "t"})
        assert await db.get_traces() == ([], 0)

    # -- merging ----------------------------------------------------------------------------------------------

    async def test_a_second_part_is_merged(self, db: Any) -> None:
        first = a_trace(start_time=at(1), end_time=at(2), run_id=None, session_id=None, agent_id=None, name="tool")
        await save(db, first, a_trace(status="ERROR", start_time=at(0.5), end_time=at(1.75), created_at=at(9)))
        read = await db.repositories.traces.get(trace_id="t")
        assert [datetime.fromisoformat(t) for t in (read.start_time, read.end_time, read.created_at)] == [
            datetime.fromisoformat(at(s)) for s in (0.5, 2, 3)
        ]
        assert (read.duration_ms, read.status, read.run_id, read.session_id) == (1500, "ERROR", "r", "s")

    async def test_the_duration_is_exact(self, db: Any) -> None:
        await save(db, a_trace(start_time=at(0.0006), end_time=at(1)), a_trace(start_time=at(1), end_time=at(2.0005)))
        assert (await db.repositories.traces.get(trace_id="t")).duration_ms == 1999

    async def test_the_outermost_component_names_the_trace(self, db: Any) -> None:
        steps: tuple[tuple[str, dict[str, Any], str], ...] = (
            ("POST /runs", {"agent_id": None}, "POST /runs"),
            ("Agent.run", {}, "Agent.run"),
            ("tool", {}, "Agent.run"),
            ("Team.arun", {"team_id": "m"}, "Team.arun"),
            ("Agent.run", {}, "Team.arun"),
            ("Flow.run", {"workflow_id": "w"}, "Flow.run"),
            ("Team.run", {"team_id": "m"}, "Flow.run"),
        )
        for name, component, expected in steps:
            await save(db, a_trace(name=name, **component))
            assert (await db.repositories.traces.get(trace_id="t")).name == expected

    async def test_the_first_ids_stay(self, db: Any) -> None:
        await save(db, a_trace(), a_trace(run_id="x", session_id="x", agent_id="x", team_id="m", user_id=None))
        read = await db.repositories.traces.get(trace_id="t")
        assert (read.run_id, read.session_id, read.agent_id, read.team_id) == ("r", "s", "a", "m")

    async def test_concurrent_parts_are_all_merged(self, db: Any) -> None:
        await asyncio.gather(*(save(db, a_trace(start_time=at(-n), end_time=at(n))) for n in range(1, 9)))
        assert (await db.repositories.traces.get(trace_id="t")).duration_ms == 16_000

    # -- owners -----------------------------------------------------------------------------------------------

    async def test_another_users_trace_is_never_changed(self, db: Any) -> None:
        await save(db, a_trace())
        before = await db.repositories.traces.get(trace_id="t")
        with pytest.raises(OwnershipError):
            await save(db, a_trace(user_id="bob", status="ERROR", end_time=at(9)))
        assert await db.repositories.traces.get(trace_id="t") == before

    async def test_nobody_clears_an_owner_and_the_first_claims(self, db: Any) -> None:
        await save(db, a_trace(user_id=None), a_trace(), a_trace(user_id=None, status="ERROR"))
        read = await db.repositories.traces.get(trace_id="t")
        assert (read.user_id, read.status) == ("alice", "ERROR")

    # -- lists ------------------------------------------------------------------------------------------------

    async def test_filters(self, db: Any) -> None:
        await save(db, a_trace(team_id="m", workflow_id="w"))
        other = {"run_id": "r2", "session_id": "s2", "user_id": "bob", "agent_id": "a2", "status": "ERROR"}
        await save(db, a_trace("other", **other))
        for name, value in other.items():
            assert await ids(db, **{name: value}) == ["other"]
        assert await ids(db, team_id="m") == await ids(db, workflow_id="w") == ["t"]
        assert await ids(db, user_id="") == []

    async def test_pages_come_latest_first_with_a_tiebreak(self, db: Any) -> None:
        await save(db, *(a_trace(f"t{n}", start_time=at(n // 2)) for n in range(5)))
        assert await ids(db) == ["t4", "t3", "t2", "t1", "t0"]
        traces, total = await db.get_traces(limit=2, page=2)
        assert ([t.trace_id for t in traces], total) == (["t2", "t1"], 5)
        assert await db.get_traces(limit=2, page=4) == ([], 5)
        assert await db.get_traces(limit=0) == ([], 5)
        assert len((await db.get_traces(limit=None))[0]) == 5
        for wrong in ({"page": 0}, {"limit": -1}, {"limit": "x"}, {"limit": None, "page": 2}):
            with pytest.raises(InvalidValueError):
                await db.get_traces(**wrong)

    async def test_spans_are_counted_per_trace(self, db: Any) -> None:
        await save(db, a_trace("none", start_time=at(-1)), a_trace())
        await db.repositories.spans.create_many([a_span("1"), a_span("2", status_code="ERROR"), a_span("3")])
        traces, _ = await db.get_traces(limit=5)
        assert [(t.trace_id, t.total_spans, t.error_count) for t in traces] == [("t", 3, 1), ("none", 0, 0)]
        assert (await db.get_trace("t")).total_spans == 3

    async def test_an_instant_is_the_same_in_every_timezone(self, db: Any) -> None:
        await save(db, a_trace(start_time=NOON.astimezone(LIMA).isoformat(), created_at=at(0)))
        for zone in (UTC, TOKYO, LIMA):
            then = NOON.astimezone(zone)
            for moment in (then, then.isoformat()):
                assert await ids(db, start_time=moment) == ["t"]
                assert await ids(db, end_time=then + timedelta(seconds=2)) == ["t"]
                for op in ("EQ", "GTE", "LTE"):
                    assert await ids(db, filter_expr={"op": op, "key": "start_time", "value": moment}) == ["t"]
                for op in ("NEQ", "GT", "LT"):
                    assert await ids(db, filter_expr={"op": op, "key": "start_time", "value": moment}) == []
                assert await ids(db, filter_expr={"op": "IN", "key": "start_time", "values": [moment]}) == ["t"]
                assert (await db.get_trace_stats(start_time=moment, end_time=moment))[1] == 1
        assert await ids(db, start_time=NOON.replace(tzinfo=None)) == ["t"]
        assert await ids(db, start_time=NOON + timedelta(microseconds=1)) == []
        assert await ids(db, end_time=NOON + timedelta(seconds=1, microseconds=999_999)) == []

    # -- statistics -------------------------------------------------------------------------------------------

    async def test_statistics_by_session(self, db: Any) -> None:
        await save(db, a_trace("1", created_at=at(5)), a_trace("2", team_id="m", created_at=at(7.5)))
        await save(db, a_trace("3", session_id="s2", created_at=at(6)), a_trace("4", session_id=None))
        groups, total = await db.get_trace_stats()
        assert [group["session_id"] for group in groups] == ["s", "s2"]
        assert total == 2
        assert groups[0] == {
            "session_id": "s",
            "user_id": "alice",
            "agent_id": "a",
            "team_id": "m",
            "workflow_id": None,
            "total_traces": 2,
            "first_trace_at": NOON + timedelta(seconds=5),
            "last_trace_at": NOON + timedelta(seconds=7.5),
        }
        assert (await db.get_trace_stats(limit=1, page=2))[0] == groups[1:]
        assert await db.get_trace_stats(limit=1, page=3) == ([], 2)
        assert await db.get_trace_stats(limit=None) == (groups, 2)
        assert (await db.get_trace_stats(team_id="m"))[0][0]["total_traces"] == 1
        only = {"op": "EQ", "key": "session_id", "value": "s2"}
        assert await db.get_trace_stats(filter_expr=only) == (groups[1:], 1)

    async def test_statistics_by_component(self, db: Any) -> None:
        lasted = (100, 7, 33, 250)
        for n, duration in enumerate(lasted):
            fields = {"status": "ERROR" if n == 1 else "OK", "session_id": f"s{n // 2}", "created_at": at(n)}
            await save(db, a_trace(f"{n}", duration_ms=duration, **fields))
        await save(db, a_trace("b", agent_id="b", team_id="m", duration_ms=5))
        await save(db, a_trace("none", agent_id=None, name="GET /"))
        groups, total = await db.get_trace_stats(group_by="agent")
        assert total == 2
        assert groups[0] == {
            "agent_id": "a",
            "total_traces": 4,
            "total_sessions": 2,
            "avg_duration_ms": 97.5,
            "p95_duration_ms": 227.5,
            "max_duration_ms": 250,
            "error_traces": 1,
            "first_trace_at": NOON,
            "last_trace_at": NOON + timedelta(seconds=3),
        }
        assert (groups[1]["agent_id"], groups[1]["p95_duration_ms"]) == ("b", 5.0)
        assert [g["team_id"] for g in (await db.get_trace_stats(group_by="team"))[0]] == ["m"]
        assert await db.get_trace_stats(group_by="workflow") == ([], 0)
        assert [g["name"] for g in (await db.get_trace_stats(group_by="endpoint"))[0]] == ["GET /"]
        for wrong in ({"group_by": "user"}, {"page": 0}, {"limit": -1}, {"group_by": "agent", "limit": 1.5}):
            with pytest.raises(InvalidValueError):
                await db.get_trace_stats(**wrong)

    async def test_percentiles_of_many(self, db: Any) -> None:
        for n in range(1, 22):  # 0.95 * 20 is a place; with one more, it lies between two
            await save(db, a_trace(f"{n:02}", duration_ms=n * n))
            (group,), _ = await db.get_trace_stats(group_by="agent")
            place, rest = divmod((n - 1) * 95, 100)
            above = min(place + 2, n) ** 2
            assert group["p95_duration_ms"] == round((place + 1) ** 2 + (above - (place + 1) ** 2) * rest / 100, 1)

    # -- placeholders -----------------------------------------------------------------------------------------

    async def test_a_trace_replaces_its_placeholder(self, db: Any) -> None:
        await db.repositories.spans.create_many([a_span("1", start_time=at(-5)), a_span("2", end_time=at(9))])
        placeholder = await db.repositories.traces.get(trace_id="t")
        assert (placeholder.name, placeholder.status, placeholder.user_id) == (PLACEHOLDER_NAME, "UNSET", None)
        assert (placeholder.duration_ms, placeholder.total_spans) == (14_000, 2)
        await save(db, a_trace("other"), a_trace(name="GET /"))
        read, other = [await db.repositories.traces.get(trace_id=name) for name in ("t", "other")]
        assert read.to_dict() == {**other.to_dict(), "trace_id": "t", "name": "GET /", "total_spans": 2}
