"""What is measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import asyncpg

from benchmarks.checks import check, fill
from benchmarks.data import CALLERS, TURNS_LONG, TURNS_SHORT, UNREAD, Data, Item
from benchmarks.measure import Bench
from benchmarks.sides import Side, create_tables, sides

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

    @property
    def reads(self) -> bool:
        return self.table is None


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
    Call("get_sessions, page of 20", lambda side, page: side.get_sessions(page, runs=False), _pages),
    Call(
        "get_sessions, page of 20, 2 runs each", lambda side, page: side.get_sessions(page, runs=True), _pages,
    ),
)  # fmt: skip


async def run(bench: Bench) -> None:
    """Every call on every side: filled, compared, measured, then counted on the wire."""
    data = Data.make()
    async with sides(bench.url, bench.only) as direct, sides(bench.proxy.url(bench.url), bench.only) as wired:
        await create_tables(direct, bench.url)
        connection = await asyncpg.connect(bench.url)
        for side in direct:
            await fill(connection, data, side.schema)
        await check(connection, data, direct, CALLS)
        await connection.close()
        for call in CALLS:

            def inputs(count: int, call: Call = call) -> Sequence[Any]:
                return call.inputs(data, count)

            await bench.compare(call.name, call.call, inputs, direct, wired)
