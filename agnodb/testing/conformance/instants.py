"""What every backend promises of times: an instant is the same one in whatever timezone it is given or asked for."""

from __future__ import annotations

import datetime
from datetime import UTC, timedelta, timezone
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from agnodb.errors import InvalidValueError
from agnodb.filters import Page
from agnodb.testing.conformance.approvals import an_approval
from agnodb.testing.conformance.generated import samples
from agnodb.testing.conformance.schedules import a_schedule
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.traces import a_span, a_trace

TICK = timedelta(microseconds=1)
BERLIN = ZoneInfo("Europe/Berlin")
_EARLIEST, _LATEST = datetime.datetime(2, 1, 1), datetime.datetime(9998, 12, 31)
_zones = st.timezones() | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.builds(
    lambda moment, fold, whole: moment.replace(fold=fold, microsecond=0 if whole else moment.microsecond),
    st.datetimes(_EARLIEST, _LATEST, timezones=st.one_of(st.none(), _zones)),
    st.sampled_from([0, 1]),
    st.booleans(),
)
"""Datetimes of all zones and none, in the hours that a clock shows twice or never too."""

CLOCK_CHANGES = (
    datetime.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN),
    datetime.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    datetime.datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN),
    datetime.datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN, fold=1),
    datetime.datetime(2026, 3, 29, 2, 30),
)


def instant(moment: datetime.datetime) -> datetime.datetime:
    """`moment` in UTC; without a timezone it is UTC. Only so do equal instants compare equal in every zone."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _forms(moment: datetime.datetime, zone: datetime.tzinfo) -> list[Any]:
    """The same instant as it may be given: in its own zone, in another, without one, and as text."""
    there = instant(moment).astimezone(zone)
    return [moment, there, instant(moment).replace(tzinfo=None), moment.isoformat(), f"{there.isoformat(' ')}"]


def _given() -> list[tuple[str, datetime.datetime, datetime.tzinfo]]:
    """Ids, moments, and zones to ask in."""
    drawn = [*CLOCK_CHANGES, *samples(moments, 9)]
    zones = samples(_zones, len(drawn))
    return [(f"t{n:02}", moment, zones[n % len(zones)]) for n, moment in enumerate(drawn)]


class InstantConformance:
    """Times."""

    async def test_a_time_is_found_in_every_timezone(self, db: Any) -> None:
        given, texts = _given(), {}
        for key, moment, _ in given:
            begun = a_trace(key, start_time=moment, end_time=moment, created_at=moment, session_id=key)
            await db.repositories.traces.upsert(begun)
            span = a_span(key, trace_id=key, name=key, start_time=moment.isoformat(), end_time=moment)
            await db.repositories.spans.create_many([span])
            texts[key] = (await db.repositories.traces.get(trace_id=key)).start_time
            assert datetime.datetime.fromisoformat(texts[key]) == instant(moment)
        assert len(texts) == len(given)

        for key, moment, zone in given:
            then = instant(moment)
            same = {k for k, other, _ in given if instant(other) == then}
            later = {k for k, other, _ in given if instant(other) > then}
            for form in _forms(moment, zone):
                assert await _traces(db, start_time=form, end_time=form) == same, (moment, form)
                assert await _traces(db, start_time=form) == same | later, (moment, form)
            await _check_expressions(db, _forms(moment, zone)[1], same, later, {k for k, _, _ in given})
            there = then.astimezone(zone)
            assert key not in await _traces(db, start_time=(then + TICK).astimezone(zone))
            assert key not in await _traces(db, end_time=(then - TICK).astimezone(zone))
            groups, total = await db.get_trace_stats(start_time=there, end_time=moment, limit=None)
            assert ({group["session_id"] for group in groups}, total) == (same, len(same))
            groups, _ = await db.get_span_stats(start_time=moment, end_time=there, limit=None)
            assert {group["name"] for group in groups} == same
            spans, _ = await db.repositories.spans.page(Page(), start_time=there, end_time=moment)
            assert {span.span_id for span in spans} == same

    async def test_traces_are_in_the_order_of_their_instants_and_last_as_long_as_they_did(self, db: Any) -> None:
        given = _given()
        for key, moment, _ in given:
            await db.repositories.traces.upsert(a_trace(key, start_time=moment, end_time=moment))
            await db.repositories.traces.upsert(a_trace("all", name="all", start_time=moment, end_time=moment))
        first, *_, last = sorted(instant(moment) for _, moment, _ in given)
        read = await db.repositories.traces.get(trace_id="all")
        assert datetime.datetime.fromisoformat(read.start_time) == first
        assert datetime.datetime.fromisoformat(read.end_time) == last
        assert read.duration_ms == (last - first) // timedelta(milliseconds=1)
        order = sorted([*given, ("all", first, UTC)], key=lambda each: (instant(each[1]), each[0]), reverse=True)
        traces, _ = await db.get_traces(limit=None)
        assert [trace.trace_id for trace in traces] == [key for key, _, _ in order]

    async def test_a_day_is_the_utc_day_of_an_instant(self, db: Any) -> None:
        for key, moment, zone in _given():
            day, there = instant(moment).date(), instant(moment).astimezone(zone)
            created_at = int(instant(moment).timestamp())
            await db.repositories.sessions.upsert(a_session(key, user_id=key, created_at=created_at))
            computed = await db.repositories.metrics.recompute(moment, there)
            assert key in {row.user_id for row in computed if row.date == day}
            for form in (moment, there, instant(moment), day):
                rows, _ = await db.repositories.metrics.report(user_id=key, from_day=form, to_day=form)
                assert [row.date for row in rows] == [day]

    async def test_epoch_seconds_have_no_timezone_and_nothing_else_is_taken_for_them(self, db: Any) -> None:
        """A datetime is refused, whatever its timezone: it is never taken for another instant."""
        for moment in CLOCK_CHANGES:
            second = int(instant(moment).timestamp())
            await db.repositories.sessions.upsert(a_session(str(second), created_at=second))
            found, _ = await db.get_sessions(start_timestamp=second, end_timestamp=second, deserialize=False)
            assert [session["session_id"] for session in found] == [str(second)]
            for form in (moment, moment.isoformat()):
                for call in (
                    partial(db.get_sessions, start_timestamp=form),
                    partial(db.get_sessions, end_timestamp=form),
                    partial(db.repositories.sessions.upsert, a_session("s", created_at=form)),
                    partial(db.create_approval, an_approval(expires_at=form).to_dict()),
                    partial(db.create_schedule, a_schedule(next_run_at=form).to_dict()),
                    partial(db.release_schedule, "s", next_run_at=form),
                    partial(db.delete_schedule_runs, "s", before=form),
                ):
                    with pytest.raises(InvalidValueError):
                        await call()


async def _traces(db: Any, **bounds: Any) -> set[str]:
    return {trace.trace_id for trace in (await db.repositories.traces.page(Page(), **bounds))[0]}


async def _check_expressions(db: Any, moment: Any, same: set[str], later: set[str], everything: set[str]) -> None:
    expected = {
        "EQ": same,
        "NEQ": everything - same,
        "GT": later,
        "GTE": later | same,
        "LT": everything - later - same,
        "LTE": everything - later,
    }
    for op, found in expected.items():
        for key in ("start_time", "created_at"):
            assert await _traces(db, filter_expr={"op": op, "key": key, "value": moment}) == found, (op, moment)
    listed = {"op": "IN", "key": "end_time", "values": [moment, "2026-01-01"]}
    assert await _traces(db, filter_expr=listed) == same
