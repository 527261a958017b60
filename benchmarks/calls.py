"""What is measured."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Any

from benchmarks.backends import Backend, Postgres
from benchmarks.checks import check
from benchmarks.data import CALLERS, TURNS_LONG, TURNS_LONGEST, TURNS_SHORT, UNREAD, Data, Item
from benchmarks.measure import Bench
from benchmarks.sides import Side

PAGES = 8


@dataclass(frozen=True)
class Call:
    """One row of the report. `inputs` makes the arguments before the clock starts.

    Callers at the same time take every sixteenth input, so each has a row of its own.
    """

    name: str
    call: Callable[[Side, Any], Awaitable[Any]]
    inputs: Callable[[Data, int], Sequence[Any]]
    table: str | None = None
    """The table that it writes."""
    together: bool = True
    """Whether it is made by sixteen callers at once too."""

    @property
    def reads(self) -> bool:
        return self.table is None


async def _first_read(side: Side, item: Item) -> Any:
    side.forget()
    return await side.get_session(item)


def _again(choose: Callable[[Data], Sequence[Item]]) -> Callable[[Data, int], Sequence[Item]]:
    return lambda data, count: list(islice(cycle(choose(data)), count))


def _in_turn(data: Data, count: int) -> Sequence[Item]:
    """Goes on where it left off: fewer inputs than sessions would be the same sessions again."""
    return [next(data.unread) for _ in range(count)]


def _pages(_: Data, count: int) -> Sequence[int]:
    return list(islice(cycle(range(1, PAGES + 1)), count))


CALLS = (
    Call(
        "upsert_session, steady", lambda side, item: side.upsert_session(item),
        _again(lambda data: data.short[:CALLERS]), table="sessions",
    ),
    Call(
        "upsert_run 4 KB, saved again", lambda side, item: side.upsert_run(item),
        _again(lambda data: data.saved_again), table="runs",
    ),
    Call(
        "upsert_run 4 KB, new", lambda side, item: side.upsert_run(item),
        lambda data, count: data.new_runs(count), table="runs",
    ),
    Call(
        "upsert_user_memory", lambda side, item: side.upsert_user_memory(item),
        _again(lambda data: data.memories[:CALLERS]), table="memories",
    ),
    Call(
        "get_user_memory", lambda side, item: side.get_user_memory(item),
        _again(lambda data: data.memories[CALLERS : 2 * CALLERS]),
    ),
    Call(
        f"get_session, {TURNS_SHORT} runs of 4 KB", lambda side, item: side.get_session(item),
        _again(lambda data: data.short[:CALLERS]),
    ),
    Call(
        f"get_session, {TURNS_SHORT} runs, {UNREAD} sessions in turn", lambda side, item: side.get_session(item),
        _in_turn,
    ),
    Call(
        f"get_session, {TURNS_LONG} runs of 4 KB", lambda side, item: side.get_session(item),
        _again(lambda data: data.long),
    ),
    Call(
        f"get_session, {TURNS_LONGEST:,} runs of 4 KB", lambda side, item: side.get_session(item),
        _again(lambda data: data.longest),
    ),
    Call(  # of callers at once, those who come later would find what the first has parsed
        f"get_session, {TURNS_LONGEST:,} runs, first read", _first_read,
        _again(lambda data: data.longest), together=False,
    ),
    Call("get_sessions, page of 20", lambda side, page: side.get_sessions(page, runs=False), _pages),
    Call(
        "get_sessions, page of 20, 2 runs each", lambda side, page: side.get_sessions(page, runs=True), _pages,
    ),
)  # fmt: skip


async def measure(
    bench: Bench, backend: Backend, suffix: str = "", data: Data | None = None, *, pages: bool = True
) -> None:
    """Every call on every side of `backend`: filled, compared, measured, then counted in a pass of its own.

    Without `pages`, those of lists are left out: not every adapter of agno knows `include_runs`.
    """
    data = data or Data.make()
    async with contextlib.AsyncExitStack() as stack:
        direct = await stack.enter_async_context(backend.sides())
        await backend.prepare(direct, data)
        # Small data have no session of 1,000 runs.
        calls = [call for call in CALLS if call.inputs(data, 1) and (pages or call.inputs is not _pages)]
        await check(backend, data, direct, calls)
        rounds = [
            await bench.clocked(call.call, partial(call.inputs, data), direct, together=call.together) for call in calls
        ]
        counted = await stack.enter_async_context(backend.counted_sides())
        for call, found in zip(calls, rounds, strict=True):
            inputs = partial(call.inputs, data)
            for side in counted:
                found.setdefault(side.name, {}).update(await bench.counted(call.call, inputs, side, backend.count))
            for side_name, values in found.items():
                bench.add(f"{call.name}{suffix}", side_name, **values)


async def run(bench: Bench) -> None:
    await measure(bench, Postgres(bench))
