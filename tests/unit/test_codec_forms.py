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
from hypothesis import settings
from same_value import canonical

from agnodb.codec import TAG, decode, encode
from agnodb.errors import InvalidValueError

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
