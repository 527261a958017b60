"""The codec: everything comes back equal, plain JSON stays plain, and no value or text breaks a row."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnodb.codec import MAX_DEPTH, TAG, decode, encode
from agnodb.errors import InvalidValueError
from agnodb.testing.conformance.generated import plain, texts, values
from agnodb.testing.conformance.values import canonical

thorough = settings(deadline=None, max_examples=200)

# --- how results are compared ---


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from strings(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            yield key
            yield from strings(item)


def reject(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


# --- lossless ---


@thorough
@given(values)
def test_everything_comes_back_equal(value: Any) -> None:
    text = encode(value)
    assert canonical(decode(text)) == canonical(value)
    assert encode(decode(text)) == encode(value)


@thorough
@given(values)
def test_every_json_column_holds_the_text(value: Any) -> None:
    text = encode(value)
    text.encode()
    tree = json.loads(text, parse_constant=reject)
    assert not any(re.search(r"[\x00\ud800-\udfff]", string) for string in strings(tree))
    # A database may reformat what it stores, and JSONB sorts keys.
    for ensure_ascii in (True, False):
        rewritten = json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=ensure_ascii)
        assert canonical(decode(rewritten)) == canonical(value)


@thorough
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_floats_survive_a_database_that_writes_them_out(numbers: list[float]) -> None:
    """JSONB holds decimals and gives 1e-300 as three hundred digits."""
    written = ",".join(f"{Decimal(repr(number)):f}" for number in numbers)
    assert [float(number) for number in decode(f"[{written}]")] == numbers


@thorough
@given(plain.filter(lambda value: type(value) not in (int, float)))
def test_plain_json_stays_plain(value: Any) -> None:
    text = encode(value)
    assert json.loads(text) == value
    assert canonical(decode(text)) == canonical(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (-(2**63), "-9223372036854775808"),
        ("é", '"é"'),
        ({"a": [1, 2.5, None]}, '{"a":[1,2.5,null]}'),
        ({"n": 2**70}, '{"n":1180591620717411303424}'),
        # A number that is the whole document would be changed by SQLite's NUMERIC affinity.
        (2**63, '{"$agnodb":["int","0x8000000000000000"]}'),
        (0.068003732943662, '{"$agnodb":["float","0.068003732943662"]}'),
        (math.nan, '{"$agnodb":["float","nan"]}'),
        ([-math.inf], '[{"$agnodb":["float","-inf"]}]'),
        (Decimal("1.10"), '{"$agnodb":["decimal","1.10"]}'),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '{"$agnodb":["datetime","2026-01-02T03:04:05+00:00"]}'),
        (time(3, 4, fold=1), '{"$agnodb":["time","03:04:00[fold=1]"]}'),
        # CPython reads an offset under a second as none.
        (
            datetime(2026, 1, 2, tzinfo=timezone(timedelta(microseconds=-5)), fold=1),
            '{"$agnodb":["datetime","2026-01-02T00:00:00-00:00:00.000005[fold=1]"]}',
        ),
        (time(1, tzinfo=timezone(timedelta(microseconds=50))), '{"$agnodb":["time","01:00:00+00:00:00.000050"]}'),
        (date(2026, 1, 2), '{"$agnodb":["date","2026-01-02"]}'),
        (timedelta(days=-1, microseconds=5), '{"$agnodb":["timedelta",[-1,0,5]]}'),
        (UUID(int=1), '{"$agnodb":["uuid","00000000-0000-0000-0000-000000000001"]}'),
        (b"\0\xff", '{"$agnodb":["bytes","AP8="]}'),
        ({"b", "a"}, '{"$agnodb":["set",["a","b"]]}'),
        (frozenset({1, "1"}), '{"$agnodb":["frozenset",["1",1]]}'),
        ("a\0\\", r'{"$agnodb":["str","a\\u0000\\u005c"]}'),
        ({"\ud800": 1}, r'{"$agnodb":["map",[[{"$agnodb":["str","\\ud800"]},1]]]}'),
        ({1: "a"}, '{"$agnodb":["map",[[1,"a"]]]}'),
        ({TAG: ["uuid", "x"]}, '{"$agnodb":["map",[["$agnodb",["uuid","x"]]]]}'),
        ({TAG: 1, "a": 2}, '{"$agnodb":["map",[["$agnodb",1],["a",2]]]}'),
    ],
)
def test_the_stored_form(value: Any, text: str) -> None:
    assert encode(value) == text
    assert canonical(decode(text)) == canonical(value)


@thorough
@given(plain | values)
def test_a_tag_in_the_users_data_is_only_data(value: Any) -> None:
    """Whatever has been stored once may be somebody's data: the tree of a document is a document too."""
    tree = json.loads(encode(value))
    assert canonical(decode(encode(tree))) == canonical(tree)


# --- cycles and depth ---


def nested(depth: int, leaf: Any, wrap: Any) -> Any:
    for _ in range(depth):
        leaf = wrap(leaf)
    return leaf


def test_the_same_object_twice_is_no_cycle() -> None:
    shared = {"at": UUID(int=1)}
    assert decode(encode([shared, shared, {"again": shared}])) == [shared, shared, {"again": shared}]


@pytest.mark.parametrize("leaf", [1, 2**80, math.nan, "\0", {1: 2}, UUID(int=1)])
@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_depth(leaf: Any, wrap: Any) -> None:
    value = nested(500, leaf, wrap)
    back = decode(encode(value))
    for _ in range(500):
        (back,) = back.values() if isinstance(back, dict) else back
    assert canonical(back) == canonical(leaf)


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {1: inner}, lambda inner: frozenset([inner])])
def test_too_deep(wrap: Any) -> None:
    with pytest.raises(InvalidValueError):
        encode(nested(MAX_DEPTH + 1, None, wrap))
    with pytest.raises(InvalidValueError):
        encode(nested(100_000, None, lambda inner: [inner]))


def test_what_is_written_can_be_read() -> None:
    assert decode(encode(nested(MAX_DEPTH, None, lambda inner: [inner])))
    assert decode(encode(nested(MAX_DEPTH // 4 - 1, 2**80, lambda inner: {1: inner})))
    assert decode(encode(nested(MAX_DEPTH // 3 - 1, 2**80, lambda inner: frozenset([inner]))))


# --- huge ints ---


@pytest.mark.parametrize("digits", [600, 700, 4299, 4300, 5000, 100_000])
@pytest.mark.parametrize("limit", [640, 4300, 0])
def test_huge_ints(digits: int, limit: int) -> None:
    number = 10**digits
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(limit)
    try:
        for value in (number, -number, [number], {"n": -number}, {number: {number}}):
            assert decode(encode(value)) == value
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**19, -(10**25)])
def test_a_huge_int_anywhere_in_a_text(number: int) -> None:
    for before in range(40):
        for text in (f'["{"x" * before}",{number}]', f"[{'1,' * before}{number}, 7]", f"[{' ' * before}{number}]"):
            assert decode(text) == json.loads(text)


# --- text of others ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551616", 2**64),
        ("-9999999999999999999", -9999999999999999999),
        ('{"a": [1,\n12345678901234567890123]}', {"a": [1, 12345678901234567890123]}),
        ('{"a": "\\ud800", "n": NaN, "i": -Infinity}', {"a": "\ud800", "n": math.nan, "i": -math.inf}),
        ('"\ud800"', "\ud800"),
        ('{"a": "\\u0000"}', {"a": "\0"}),
        (f'{{"n": -{"9" * 5000}}}', {"n": 1 - 10**5000}),
        ("[0.0012345678901234567]", [0.0012345678901234567]),
        ("[1e400, -1E+400, 1e-400]", [math.inf, -math.inf, 0.0]),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"$agnodb": 1}', {TAG: 1}),
        ('{"$agnodb": ["future", 1]}', {TAG: ["future", 1]}),
        ('{"$agnodb": ["uuid", "x"]}', {TAG: ["uuid", "x"]}),
        ('{"$agnodb": ["uuid", 5]}', {TAG: ["uuid", 5]}),
        ('{"$agnodb": ["uuid"]}', {TAG: ["uuid"]}),
        ('{"$agnodb": [["uuid"], 1]}', {TAG: [["uuid"], 1]}),
        ('{"$agnodb": ["decimal", "x"]}', {TAG: ["decimal", "x"]}),
        ('{"$agnodb": ["int", "xyz"]}', {TAG: ["int", "xyz"]}),
        ('{"$agnodb": ["datetime", "yesterday"]}', {TAG: ["datetime", "yesterday"]}),
        ('{"$agnodb": ["timedelta", [1e300, 0, 0]]}', {TAG: ["timedelta", [1e300, 0, 0]]}),
        ('{"$agnodb": ["bytes", "*"]}', {TAG: ["bytes", "*"]}),
        ('{"$agnodb": ["set", [{}]]}', {TAG: ["set", [{}]]}),
        ('{"$agnodb": ["set", "ab"]}', {TAG: ["set", "ab"]}),
        ('{"$agnodb": ["map", ["ab"]]}', {TAG: ["map", ["ab"]]}),
        ('{"$agnodb": ["map", [[[], 1, 2]]]}', {TAG: ["map", [[[], 1, 2]]]}),
        ('{"$agnodb": ["map", [[{}, 1]]]}', {TAG: ["map", [[{}, 1]]]}),
        ('{"$agnodb": ["uuid", "x"], "a": {"$agnodb": ["int", "0x1"]}}', {TAG: ["uuid", "x"], "a": 1}),
    ],
)
def test_foreign_text(text: str, value: Any) -> None:
    assert canonical(decode(text)) == canonical(value)
    assert canonical(decode(encode(value))) == canonical(value)


@thorough
@given(values)
def test_what_agno_writes(value: Any) -> None:
    """agno stores `json.dumps`, in SQLite with NaN and in ASCII."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        return
    if TAG not in text:
        assert canonical(decode(text)) == canonical(json.loads(text))


@thorough
@given(texts | st.binary().map(lambda data: data.decode("latin-1")))
def test_no_text_fails_with_another_error(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(InvalidValueError):
            decode(text)
    else:
        assert canonical(decode(text)) == canonical(expected)


@pytest.mark.parametrize("text", ["", " ", "{", "{'a': 1}", "nul", "[1,]", "\ufeff{}", "[" * 100_000, "\ud800"])
def test_not_json(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        decode(text)
    assert not text.strip() or text not in str(caught.value)


def test_numbers_of_sqlite() -> None:
    assert decode(5) == 5
    assert decode(0.5) == 0.5
