"""Two changes of a document made into one, as properties of plain functions."""

from __future__ import annotations

import copy
import datetime
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnodb.errors import StaleVersionError
from agnodb.merge import UNKNOWN, has_counter, merged, same
from agnodb.policies import DEFAULT_POLICIES, SESSION_METRICS, Policies

RAISING = Policies(on_conflict="raise")
STATE = "session_data.session_state"

numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.decimals(allow_nan=True),
    st.just(Decimal("sNaN")),
    st.sampled_from([2**2000, 1e308, -1e308, 0, -0.0, Decimal("9e999999")]),
)
scalars = st.one_of(
    st.none(), st.booleans(), numbers, st.text(max_size=3), st.binary(max_size=2), st.datetimes(), st.uuids()
)
keys = st.one_of(st.sampled_from(["a", "b", "c", "id", "session_state", "session_metrics", "details"]), st.integers())
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
documents = st.none() | st.dictionaries(keys, values, max_size=5)
policies = st.sampled_from([DEFAULT_POLICIES, Policies(counters=(SESSION_METRICS, STATE, "session_data.a"))])


def is_same(one: Any, other: Any) -> bool:
    """None is an empty document."""
    return same({} if one is None else one, {} if other is None else other)


# -- one side did nothing -----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(documents, documents, policies, st.sampled_from(["session_data", "metadata"]))
def test_what_only_one_side_has_changed_is_taken_as_it_is(base: Any, changed: Any, given_: Policies, name: str) -> None:
    for rules in (given_, RAISING):
        assert is_same(merged(name, base, changed, copy.deepcopy(base), rules), changed)
        assert is_same(merged(name, base, copy.deepcopy(base), changed, rules), changed)
    uncounted = f"{name} without counters"  # where a change that both have made is one
    assert is_same(merged(uncounted, base, changed, copy.deepcopy(changed), DEFAULT_POLICIES), changed)


@settings(deadline=None, max_examples=150)
@given(documents | st.just(UNKNOWN), documents, documents, policies)
def test_nothing_given_is_changed_and_nothing_fails(base: Any, mine: Any, theirs: Any, rules: Policies) -> None:
    before = repr((base, mine, theirs))
    for name in ("session_data", "metadata", "summary"):
        result = merged(name, base, mine, theirs, rules)
        assert result is None or isinstance(result, dict)
    assert repr((base, mine, theirs)) == before


# -- both sides -----------------------------------------------------------------------------------------------------


def edited(base: dict[Any, Any], edits: dict[Any, Any], deletions: set[Any]) -> dict[Any, Any]:
    kept = {key: value for key, value in base.items() if key not in deletions}
    return {**kept, **edits}


@settings(deadline=None, max_examples=150)
@given(st.data(), st.dictionaries(st.sampled_from("abcdef"), values, max_size=6), st.booleans())
def test_changes_of_different_keys_commute(data: st.DataObject, base: dict[Any, Any], nested: bool) -> None:
    sides = []
    for own in ("abc", "def"):
        edits = data.draw(st.dictionaries(st.sampled_from(own), values, max_size=3))
        deletions = data.draw(st.sets(st.sampled_from(own)))
        sides.append((edits, deletions))
    one, other = [edited(base, *side) for side in sides]
    both = edited(edited(base, *sides[0]), *sides[1])
    if nested:
        base, one, other, both = [{"session_state": {"x": side}} for side in (base, one, other, both)]
    for first, second in ((one, other), (other, one)):
        assert same(merged("session_data", base, first, second, RAISING), both)


def test_the_last_writer_wins_where_both_have_changed_a_value() -> None:
    base = {"session_state": {"k": 1, "deleted": 1, "kept": 1, "list": [1]}}
    mine = {"session_state": {"k": 2, "kept": 2, "list": [1, 2]}}
    theirs = {"session_state": {"k": 3, "deleted": 2, "list": [1, 3]}}
    wanted = {"session_state": {"k": 2, "kept": 2, "list": [1, 2]}}
    assert merged("session_data", base, mine, theirs, DEFAULT_POLICIES) == wanted
    for path in ("k", "deleted", "kept", "list"):
        only = [
            {"session_state": {p: v for p, v in s["session_state"].items() if p == path}} for s in (base, mine, theirs)
        ]
        with pytest.raises(StaleVersionError) as stale:
            merged("session_data", *only, RAISING)
        assert stale.value.facts["path"] == f"{STATE}.{path}"
        assert path not in str(stale.value)


def leaves_are_kept(theirs: Any, mine: Any, result: Any) -> bool:
    """Every key of theirs is there, and holds theirs wherever mine says nothing."""
    for key, value in theirs.items():
        own = mine.get(key) if isinstance(mine, dict) else None
        if key not in result:
            return False
        if isinstance(value, dict) and isinstance(own, dict):
            if not leaves_are_kept(value, own, result[key]):
                return False
        elif not (isinstance(mine, dict) and key in mine) and not same(result[key], value):
            return False
    return True


@settings(deadline=None, max_examples=150)
@given(documents, documents)
def test_nothing_of_theirs_is_lost_when_nobody_knows_what_it_began_with(mine: Any, theirs: Any) -> None:
    for rules in (DEFAULT_POLICIES, RAISING):
        result = merged("session_data", UNKNOWN, mine, theirs, rules)
        assert leaves_are_kept(theirs or {}, mine or {}, result or {})
        assert set(mine or {}) | set(theirs or {}) == set(result or {})
    tokens = [{"session_metrics": {"total_tokens": n}} for n in (3, 5)]
    assert merged("session_data", UNKNOWN, tokens[0], tokens[1], DEFAULT_POLICIES) == tokens[1]


# -- counters -------------------------------------------------------------------------------------------------------


def counts(tokens: Any, of: str) -> dict[str, Any]:
    details = [{"id": of, "provider": "p", "total_tokens": tokens}, {"id": "other", "provider": "p", "total_tokens": 1}]
    return {"session_metrics": {"total_tokens": tokens, "details": {"model": details}}}


class Writer:
    """Somebody who adds tokens of one model to the row of `rows` and saves, as often as they like."""

    def __init__(self, rows: list[dict[str, Any]], model: str) -> None:
        self.rows, self.model = rows, model
        self.base = rows[0]
        self.mine = copy.deepcopy(rows[0])

    def load(self) -> None:
        self.base, self.mine = self.rows[0], copy.deepcopy(self.rows[0])

    def add(self, tokens: Any) -> None:
        metrics = self.mine["session_metrics"]
        metrics["total_tokens"] = metrics.get("total_tokens", 0) + tokens
        listed = metrics.setdefault("details", {}).setdefault("model", [])
        own = next((item for item in listed if item["id"] == self.model), None)
        if own is None:
            own = {"id": self.model, "provider": "p", "total_tokens": 0}
            listed.append(own)
        own["total_tokens"] += tokens

    def save(self) -> None:
        row = merged("session_data", self.base, self.mine, self.rows[0], DEFAULT_POLICIES)
        self.rows[0] = copy.deepcopy(row)
        self.base = copy.deepcopy(self.mine)


steps = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["load", "add", "add", "save"]), st.integers(1, 99)), max_size=25
)


@settings(deadline=None, max_examples=150)
@given(steps, st.sampled_from([int, Decimal, float]))
def test_counts_are_exact_for_any_interleaving(taken: list[tuple[int, str, int]], kind: type) -> None:
    """Against what each has added before their last save."""
    rows: list[dict[str, Any]] = [{"session_metrics": {}}]
    writers = [Writer(rows, f"model{n % 2}") for n in range(4)]
    unsaved, total = [0] * 4, {"model0": 0, "model1": 0}
    for number, step, tokens in taken:
        writer = writers[number]
        if step == "add":
            writer.add(kind(tokens))
            unsaved[number] += tokens
        elif step == "load":
            writer.load()
            unsaved[number] = 0
        else:
            writer.save()
            total[writer.model] += unsaved[number]
            unsaved[number] = 0
    metrics = rows[0]["session_metrics"]
    assert metrics.get("total_tokens", 0) == sum(total.values())
    listed = {item["id"]: item["total_tokens"] for item in metrics.get("details", {}).get("model", [])}
    assert listed == {model: tokens for model, tokens in total.items() if tokens}


def test_counts_beside_what_is_no_count() -> None:
    name, path = "session_data", (f"{STATE}.n",)
    rules = Policies(counters=path)

    def counted(base: Any, mine: Any, theirs: Any) -> Any:
        sides = ({"session_state": {} if side is ... else {"n": side}} for side in (base, mine, theirs))
        return merged(name, *sides, rules)["session_state"].get("n", ...)

    assert counted(1, 3, 4) == 6
    assert counted(..., 3, 4) == 7
    assert counted(5, ..., 7) == 2  # what was counted since
    assert counted(5, ..., 5) is ...
    assert counted(0.1, 0.3, 0.1) == 0.3
    assert counted(Decimal("0.1"), Decimal("0.3"), 1.5) == Decimal("1.7")
    assert counted(1, True, 5) is True  # a flag is no count, and neither is NaN
    assert counted(1, math.nan, 5) is math.nan
    assert counted(1, "many", 5) == "many"
    assert counted(1, 1, "many") == "many"
    assert counted(None, 2, 3) == 5
    assert counted(0, 1e308, 1e308) == 1e308
    assert counted({"a": 1}, {"a": 2, "b": 1}, {"a": 5, "c": 1}) == {"a": 6, "c": 1, "b": 1}
    assert has_counter({"session_data": {"session_state": {"n": 1}}}, rules)
    assert not has_counter({"session_data": {"session_state": 1}, "metadata": None}, rules)
    assert not has_counter({}, DEFAULT_POLICIES)


# -- summaries ------------------------------------------------------------------------------------------------------


def summary(text: str, made: Any) -> dict[str, Any]:
    return {"summary": text, "updated_at": made}


@pytest.mark.parametrize(
    ("mine", "theirs", "kept"),
    [
        ("2026-01-01T00:00:00", "2026-01-02T00:00:00", "theirs"),
        ("2026-01-02T00:00:00", "2026-01-01T00:00:00", "mine"),
        ("2026-01-01T10:00:00+00:00", "2026-01-01T11:00:00+09:00", "mine"),
        ("2026-01-01T10:00:00", "2026-01-01T09:30:00-01:00", "theirs"),
        (datetime.datetime(2026, 1, 1), 1_800_000_000, "theirs"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00", "mine"),
        ("no time", "2026-01-01T00:00:00", "mine"),
        (2**2000, 2**3000, "theirs"),
        (None, 5, "mine"),
        (True, math.nan, "mine"),
    ],
)
def test_of_two_summaries_the_newer_is_kept_whole(mine: Any, theirs: Any, kept: str) -> None:
    sides = {"mine": summary("mine", mine), "theirs": summary("theirs", theirs)}
    for base in (None, UNKNOWN, summary("before", "2020-01-01T00:00:00")):
        assert merged("summary", base, sides["mine"], sides["theirs"], RAISING) is sides[kept]


def test_a_summary_that_only_one_side_has_changed() -> None:
    old, new = summary("old", "2026-01-02T00:00:00"), summary("new", "2026-01-01T00:00:00")
    assert merged("summary", old, new, copy.deepcopy(old), RAISING) is new  # older, and meant
    assert merged("summary", old, None, copy.deepcopy(old), RAISING) is None
    assert merged("summary", old, copy.deepcopy(old), None, RAISING) is None
    assert merged("summary", old, None, new, RAISING) is new
    assert merged("summary", UNKNOWN, None, new, RAISING) is new


# -- values ---------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(values)
def test_a_value_is_the_same_as_its_copy(value: Any) -> None:
    assert same(value, copy.deepcopy(value))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (1, 1.0, True), (1, True, False), (0, False, False), (math.nan, float("nan"), True), (math.nan, 1.0, False),
        (Decimal(1), 1, False), (Decimal("1.0"), Decimal("1"), False), (Decimal("NaN"), Decimal("NaN"), True),
        ([1, True], [1, 1], False), ({"a": 1}, {"a": True}, False), ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ("1", 1, False), ("ab", ["a", "b"], False), (b"a", "a", False), ({1}, {1}, True), ((1, 2), [1, 2], True),
        (None, False, False), ({}, None, False), ([], {}, False),
    ],
)  # fmt: skip
def test_what_is_the_same(one: Any, other: Any, alike: bool) -> None:
    assert same(one, other) is alike
    assert same(other, one) is alike
