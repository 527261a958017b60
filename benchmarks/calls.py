"""What is measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from benchmarks.data import CALLERS, TURNS_LONG, TURNS_SHORT, UNREAD, Data, Item
from benchmarks.sides import Side

PAGES = 8


@dataclass(frozen=True)
class Call:
    """One row of the report. `inputs` makes the arguments before the clock starts; `weight` divides their number.

    Callers at the same time take every sixteenth input, so each has a row of its own.
    """

    name: str
    call: Callable[[Side, Any], Awaitable[Any]]
    inputs: Callable[[Data, int], Sequence[Any]]
    table: str | None = None
    """The table that it writes."""
    weight: int = 1
    promised: bool = False
    """Whether it may take at most half of the client CPU of agno's adapter."""

    @property
    def reads(self) -> bool:
        return self.table is None


def _again(choose: Callable[[Data], Sequence[Item]]) -> Callable[[Data, int], Sequence[Item]]:
    return lambda data, count: list(islice(cycle(choose(data)), count))


def _pages(_: Data, count: int) -> Sequence[int]:
    return list(islice(cycle(range(1, PAGES + 1)), count))


CALLS = (
    Call(
        "upsert_session, steady", lambda side, item: side.upsert_session(item),
        _again(lambda data: data.short[:CALLERS]), table="sessions", promised=True,
    ),
    Call(
        "upsert_run 4 KB, saved again", lambda side, item: side.upsert_run(item),
        _again(lambda data: data.saved_again), table="runs", promised=True,
    ),
    Call(
        "upsert_run 4 KB, new", lambda side, item: side.upsert_run(item),
        lambda data, count: data.new_runs(count), table="runs", promised=True,
    ),
    Call(
        "upsert_user_memory", lambda side, item: side.upsert_user_memory(item),
        _again(lambda data: data.memories[:CALLERS]), table="memories",
    ),
    Call(
        f"get_session, {TURNS_SHORT} runs of 4 KB", lambda side, item: side.get_session(item),
        _again(lambda data: data.short[:CALLERS]),
    ),
    Call(
        f"get_session, {TURNS_SHORT} runs, {UNREAD} sessions in turn", lambda side, item: side.get_session(item),
        _again(lambda data: data.short),
    ),
    Call(
        f"get_session, {TURNS_LONG} runs of 4 KB", lambda side, item: side.get_session(item),
        _again(lambda data: data.long), weight=4,
    ),
    Call("get_sessions, page of 20", lambda side, page: side.get_sessions(page, runs=False), _pages),
    Call(
        "get_sessions, page of 20, 2 runs each", lambda side, page: side.get_sessions(page, runs=True), _pages,
        weight=2,
    ),
)  # fmt: skip
