"""What the codec normalises, and the one-way forms of what is not JSON-like."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections import Counter, OrderedDict, UserDict, deque, namedtuple
from datetime import date, datetime, timedelta, timezone, tzinfo
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnodb.codec import TAG, decode, encode
from agnodb.errors import InvalidValueError
from agnodb.testing.conformance.values import canonical

thorough = settings(deadline=None, max_examples=200)

# --- declared normalisations ---

Point = namedtuple("Point", "x y")


class Colour(Enum):
    RED = "red"
    DATA = (1, b"x")


class Level(IntEnum):
    HIGH = 3


class Mode(StrEnum):
    FAST = "fast"


class Named(str):
    def __str__(self) -> str:
        return "not the text"


class Day(date):
    pass


@pytest.mark.parametrize(
    ("value", "back"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        (Point(1, 2), [1, 2]),
        (deque([1]), [1]),
        (OrderedDict(a=1), {"a": 1}),
        (Counter("aa"), {"a": 2}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (UserDict({"a": 1}), {"a": 1}),
        (bytearray(b"x"), b"x"),
        (memoryview(b"abcd")[::2], b"ac"),
        (Colour.RED, "red"),
        (Colour.DATA, [1, b"x"]),
        ({Level.HIGH: Mode.FAST}, {3: "fast"}),
        ({Mode.FAST: Level.HIGH}, {"fast": 3}),
        ({Colour.DATA: 1}, {(1, b"x"): 1}),
        ({Point(1, (2, 3))}, {(1, (2, 3))}),
        (Named("text"), "text"),
        ({Named("key"): True}, {"key": True}),
        (Day(2026, 1, 2), date(2026, 1, 2)),
        (
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=timezone(timedelta(hours=1))),
        ),
    ],
)
def test_normalised(value: Any, back: Any) -> None:
    assert canonical(decode(encode(value))) == canonical(back)


# --- one-way forms ---


@dataclasses.dataclass(frozen=True)
class Run:
    id: UUID
    parent: Any = None


class WithDict:
    def __init__(self, content: Any) -> None:
        self.content = content

    def to_dict(self) -> Any:
        return self.content


class Array:
    def tolist(self) -> list[float]:
        return [0.5, math.nan]


class Hostile:
    """Whatever is asked of it raises."""

    def _fail(self, *_: Any) -> Any:
        raise RuntimeError("no")

    __class__ = property(_fail)
    __str__ = __repr__ = __getattr__ = __eq__ = to_dict = model_dump = tolist = _fail
    __hash__ = object.__hash__


class HostileDict(dict[str, int]):
    def keys(self) -> Any:
        raise RuntimeError("no")

    __iter__ = __str__ = keys


class Endless:
    def to_dict(self) -> Any:
        return self.to_dict()

    def __str__(self) -> str:
        return "endless"


class BrokenZone(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        raise RuntimeError("no")

    dst = tzname = utcoffset  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "broken"


broken_moment = datetime(2026, 1, 2, tzinfo=BrokenZone())
one_way_cases: list[tuple[Any, Any]] = [
    (Run(UUID(int=1), Run(UUID(int=2))), {"id": UUID(int=1), "parent": {"id": UUID(int=2), "parent": None}}),
    (WithDict({"a": {1}}), {"a": {1}}),
    (WithDict(OrderedDict({TAG: 1})), {TAG: 1}),
    (Array(), [0.5, math.nan]),
    (PurePosixPath("a/b"), "a/b"),
    (ValueError("went wrong"), "went wrong"),
    (1 + 2j, "(1+2j)"),
    (Endless(), "endless"),
    ({Run(UUID(int=1)): 1}, {str(Run(UUID(int=1))): 1}),
    ({Run(UUID(int=1))}, [{"id": UUID(int=1), "parent": None}]),
    (WithDict, str(WithDict)),
    (Run, str(Run)),
    (WithDict("a\0"), "a\0"),
    (broken_moment, repr(broken_moment)),
]


@pytest.mark.parametrize(("value", "form"), one_way_cases)
def test_one_way(value: Any, form: Any) -> None:
    text = encode({"value": value})
    assert canonical(decode(text)) == canonical({"value": form})
    assert encode(decode(text)) == text


def test_the_last_resort() -> None:
    name = f"<{__name__}.Hostile>"
    assert decode(encode([Hostile(), {Hostile(): {Hostile()}}])) == [name, {name: {name}}]


def test_no_object_fails_the_row() -> None:
    released = memoryview(b"x")
    released.release()
    strange = [MagicMock(), HostileDict(a=1), released, object(), len, iter([]), NotImplemented, ..., sys]
    for value in strange:
        assert encode(decode(encode(value))) == encode(decode(encode(value)))
    assert isinstance(decode(encode(MagicMock())), str)


def test_pydantic() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", id=(UUID, ...), secret=(pydantic.SecretStr, ...), inner=(Any, None))
    value = model(id=UUID(int=1), secret="hunter2", inner=model(id=UUID(int=2), secret="hunter3"))
    inner = {"id": UUID(int=2), "secret": "**********", "inner": None}
    assert decode(encode([value])) == [{"id": UUID(int=1), "secret": "**********", "inner": inner}]


def test_cycles() -> None:
    looped_list: list[Any] = []
    looped_list.append(looped_list)
    looped_dict: dict[Any, Any] = {"a": list(range(1000))}
    looped_dict["self"] = [looped_dict, looped_dict]
    looped_object = WithDict(None)
    looped_object.content = {"me": looped_object}
    looped_run = Run(UUID(int=1), [])
    looped_run.parent.append(looped_run)
    for value in (looped_list, looped_dict, looped_object, looped_run, {1: looped_dict}):
        with pytest.raises(InvalidValueError):
            encode(value)


# --- nothing is lost where two forms are one ---


class Unit(Enum):
    ONE = 1
    YES = True
    NAN = math.nan


class Same:
    """Its form is always the same."""

    def __str__(self) -> str:
        return "same"


def test_no_key_takes_anothers_place() -> None:
    for value, back in (
        ({Colour.RED: 1, "red": 2}, {"Colour.RED": 1, "red": 2}),
        ({"red": 2, Colour.RED: 1}, {"Colour.RED": 1, "red": 2}),
        ({Unit.ONE: 1, True: 2}, {"Unit.ONE": 1, True: 2}),
        ({PurePosixPath("a"): 1, "a": 2, "a (2)": 3}, {"a (3)": 1, "a": 2, "a (2)": 3}),
        ({PurePosixPath("a\0"): 1, "a\0": 2}, {"a\0 (2)": 1, "a\0": 2}),
        ({Same(): 1, Same(): 2, Same(): 3}, {"same": 1, "same (2)": 2, "same (3)": 3}),
        ({(Colour.RED,): 1, ("red",): 2}, {("red",): 1, "('red',)": 2}),
        ({TAG: 1, Named(TAG): 2, Same(): 3}, {TAG: 2, "same": 3}),
    ):
        assert canonical(decode(encode([value]))) == canonical([back])
    nans = decode(encode({math.nan: 1, -math.nan: 2, Unit.NAN: 3}))
    assert sorted(nans.values()) == [1, 2, 3]


def test_no_member_takes_anothers_place() -> None:
    assert decode(encode({Colour.RED, "red"})) == ["red", "red"]
    assert decode(encode(frozenset({Unit.ONE, True, "x"}))) == ["x", 1, True]
    assert decode(encode({frozenset({Colour.RED, "red"}): 1})) == {("red", "red"): 1}


formed = [*Colour, *Unit, *Level, Same(), Same(), PurePosixPath("red"), Run(UUID(int=1)), Day(2026, 1, 2)]
own_form = ["red", "same", "same (2)", "Colour.RED", 1, True, 0, False, 1.5, None, "1", "True", b"1", (1, b"x"), "()"]
odd_keys = st.sampled_from([*formed, *own_form])


@thorough
@given(st.lists(odd_keys).map(lambda keys: {key: number for number, key in enumerate(keys)}))
def test_every_value_of_a_dict_is_kept_whatever_its_keys_are(value: dict[Any, int]) -> None:
    back = decode(encode(value))
    assert sorted(back.values()) == sorted(value.values())
    for key, number in value.items():
        if type(key) in (str, int, bool, float, bytes):
            assert back[key] == number


def test_what_is_changed_while_it_is_written_is_written_as_it_was() -> None:
    class Meddler:
        def __init__(self, container: Any) -> None:
            self.container = container

        def __str__(self) -> str:
            add = self.container.add if isinstance(self.container, set) else self.container.update
            add(("x",)) if isinstance(self.container, set) else add({len(self.container): None})
            return "form"

    for container in ({}, set()):
        held: Any = container
        if isinstance(held, set):
            held.update({Meddler(held), "a", "b"})
            assert decode(encode(held)) == {"form", "a", "b"}
        else:
            held.update({Meddler(held): 1, "a": Meddler(held)})
            assert decode(encode(held)) == {"form": 1, "a": "form"}
