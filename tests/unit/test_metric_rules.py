"""What counts for how much, and how sums follow."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agnodb.rules.metrics import (
    DAY,
    Counted,
    Totals,
    date_of,
    day_number,
    day_of,
    moved,
    of_run,
    of_session,
    place_key,
    place_of,
    read_used,
)

_days = st.integers(19_999, 20_001)
_numbers = st.dictionaries(st.sampled_from(["agent_runs_count", "total_tokens"]), st.integers(1, 10**15), max_size=2)
_models = st.none() | st.tuples(st.sampled_from(["gpt", "opus"]), st.sampled_from(["", "X"]))
_counted = st.builds(Counted, _days, st.sampled_from(["", "alice", "bob b"]), _numbers, _models)


def test_a_day_is_utc_and_a_date() -> None:
    assert [day_of(seconds) for seconds in (0, DAY - 1, DAY, -1)] == [0, 0, 1, -1]
    assert day_of(10**15) is day_of(-(10**15)) is None
    assert day_number(date_of(20_000)) == 20_000


@given(_days, st.text())
def test_a_place_has_a_key(day: int, user_id: str) -> None:
    assert place_of(place_key((day, user_id))) == (day, user_id)


def test_what_counts_for_nothing() -> None:
    assert of_session("agent", "alice", 10**15) is None
    assert of_session("robot", "alice", 0) is None
    assert of_run("robot", "alice", 0, {"total_tokens": 0}, None, None) is None
    assert of_run("agent", None, 0, None, None, None) == Counted(0, "", {"agent_runs_count": 1})


def test_tokens_are_whole_numbers_of_a_sensible_size() -> None:
    def tokens(value: Any) -> int:
        counted = of_run("agent", "alice", 0, {"total_tokens": value}, None, None)
        assert counted is not None
        return counted.numbers.get("total_tokens", 0)

    huge = 10**15
    given_ = (7, 7.9, -7.9, 10**400, -(10**400), 1e300, True, "7", None, float("nan"), float("inf"), [7], {"a": 7})
    assert [tokens(value) for value in given_] == [7, 7, -7, huge, -huge, huge, *[0] * 7]


def test_what_python_cannot_read_is_nothing() -> None:
    assert read_used('{"total_tokens": 7, "x": NaN}')["total_tokens"] == 7
    assert read_used("[" * 100_000 + "]" * 100_000) is None
    assert read_used("no JSON") is None
    counted = of_run("agent", None, 0, read_used(f'{{"total_tokens": -{"9" * 5000}}}'), None, None)
    assert counted is not None
    assert counted.numbers["total_tokens"] == -(10**15)


@given(st.lists(st.tuples(st.none() | _counted, st.none() | _counted)))
def test_what_moves_is_taken_off_and_added(changes: list[tuple[Counted | None, Counted | None]]) -> None:
    """Moving everything and moving it back leaves nothing, and every sum survives its JSON."""
    there = moved(changes)
    back = moved([(after, before) for before, after in changes])
    assert there.keys() == back.keys()
    for place, totals in there.items():
        read = Totals.read(totals.text())
        read.join(back[place])
        assert not read


@given(_counted)
def test_what_was_counted_survives_its_json(counted: Counted) -> None:
    assert Counted.read(counted.day, counted.text()) == counted
    totals = moved([(None, counted)]).get(counted.place, Totals())
    columns = totals.columns(counted.place)
    assert (columns["user_id"], columns["users_count"]) == (counted.user_id, 1 if counted.user_id else 0)
    assert columns["agent_runs_count"] == counted.numbers.get("agent_runs_count", 0)
    assert json.loads(columns["token_metrics"])["total_tokens"] == counted.numbers.get("total_tokens", 0)
    models = [] if counted.model is None else [dict(zip(("model_id", "model_provider"), counted.model, strict=True))]
    assert json.loads(columns["model_metrics"]) == [{**model, "count": 1} for model in models]
