"""Times: one sortable UTC text that keeps the instant, bounds that admit agno's own texts, whole seconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnodb.clock import iso_utc, iso_utc_from, now
from agnodb.errors import InvalidValueError
from agnodb.rules.times import time_from, time_in

# Whole minutes, as all time zones have: CPython's fromisoformat drops an offset of microseconds alone.
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# A day from the ends of the calendar, so that every offset has a UTC time.
EARLIEST, LATEST = datetime.min + timedelta(days=1), datetime.max - timedelta(days=1)
naive = st.datetimes(EARLIEST, LATEST)
aware = st.datetimes(EARLIEST, LATEST, timezones=offsets)
whole = aware.map(lambda moment: moment.replace(microsecond=0))
near = st.tuples(whole, st.integers(-2, 2)).map(lambda pair: pair[0] + timedelta(microseconds=pair[1]))
moments = aware | whole | near


@given(moments)
def test_the_instant_is_kept(moment: datetime) -> None:
    text = iso_utc(moment)
    assert datetime.fromisoformat(text) == moment
    assert text.endswith("+00:00")
    assert len(text) == len("2026-11-22T13:00:00.000000+00:00")


@given(moments)
def test_every_form_of_an_instant_is_one_text(moment: datetime) -> None:
    text = iso_utc(moment)
    assert iso_utc(text) == text
    assert iso_utc(moment.isoformat()) == text
    assert iso_utc(moment.isoformat(" ")) == text
    assert iso_utc(moment.astimezone(UTC)) == text
    assert iso_utc(moment.astimezone(UTC).isoformat().replace("+00:00", "Z")) == text


@given(naive)
def test_without_a_timezone_it_is_utc(moment: datetime) -> None:
    assert iso_utc(moment) == iso_utc(moment.replace(tzinfo=UTC)) == iso_utc(moment.isoformat())


@given(moments, moments)
def test_the_order_of_texts_is_the_order_of_instants(one: datetime, other: datetime) -> None:
    assert (iso_utc(one) < iso_utc(other)) == (one < other)
    assert (iso_utc(one) == iso_utc(other)) == (one == other)


@given(moments, moments)
def test_bounds_hold_for_agnos_own_texts_too(bound: datetime, stored: datetime) -> None:
    """agno writes `isoformat()` of a UTC time, which leaves zero microseconds out."""
    for text in (iso_utc(stored), stored.astimezone(UTC).isoformat()):
        assert (text >= iso_utc_from(bound)) == (stored >= bound)
        assert (text <= iso_utc(bound)) == (stored <= bound)


def test_what_is_no_time_is_refused() -> None:
    for text in ("", "yesterday", "2026-13-01", "2026-11-22T25:00:00", "1763816400.5", "2026-11-22T13:00:00+99:00"):
        with pytest.raises(InvalidValueError) as caught:
            iso_utc(text)
        assert text not in str(caught.value) or not text


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_utc_cannot_tell_is_refused_on_the_way_in(text: str) -> None:
    for moment in (text, datetime.fromisoformat(text)):
        for door in (time_in, time_from):
            with pytest.raises(InvalidValueError):
                door(moment)


@pytest.mark.parametrize("wrong", [None, 1763816400, 1.5, b"2026-11-22", [], "soon", " "])
def test_what_is_no_time_is_refused_on_the_way_in(wrong: object) -> None:
    for door in (time_in, time_from):
        with pytest.raises(InvalidValueError):
            door(wrong)


def test_spaces_around_a_time_do_not_matter() -> None:
    assert time_in(" 2026-11-22T13:00:00Z\n") == "2026-11-22T13:00:00.000000+00:00"


def test_now_is_whole_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    before = int(time.time())
    assert before <= now() <= int(time.time())
    monkeypatch.setattr(time, "time", lambda: 1763816400.999)
    assert now() == 1763816400
    assert type(now()) is int
