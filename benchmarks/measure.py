"""Clocks and counters."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agnodb.testing.wire import CountingProxy
from benchmarks.calls import Call
from benchmarks.data import CALLERS, Data
from benchmarks.sides import Side

WARM_CALLS = 2 * CALLERS
COUNTED_CALLS = 8


@dataclass(frozen=True, slots=True)
class Timing:
    """One round of one call on one side."""

    p50_ms: float
    p95_ms: float
    cpu_ms: float
    """CPU time of this process, all its threads, for one call."""
    calls_per_second: float
    """With sixteen callers at the same time."""


@dataclass(frozen=True, slots=True)
class Wire:
    """What one warm call sends and receives."""

    statements: float
    round_trips: float
    bytes_up: float
    bytes_down: float


async def timed(side: Side, call: Call, alone: Sequence[Any], together: Sequence[Any]) -> Timing:
    """One round: `alone` one after the other, then `together` by sixteen callers."""
    gc.collect()
    milliseconds = []
    cpu = time.process_time()
    for item in alone:
        start = time.perf_counter()
        await call.call(side, item)
        milliseconds.append((time.perf_counter() - start) * 1000)
    cpu = time.process_time() - cpu

    start = time.perf_counter()
    await _callers(side, call, together)
    seconds = time.perf_counter() - start
    return Timing(
        p50_ms=statistics.median(milliseconds),
        p95_ms=statistics.quantiles(milliseconds, n=20)[-1],
        cpu_ms=cpu * 1000 / len(alone),
        calls_per_second=len(together) / seconds,
    )


async def _callers(side: Side, call: Call, items: Sequence[Any]) -> None:
    async def caller(mine: Sequence[Any]) -> None:
        for item in mine:
            await call.call(side, item)

    await asyncio.gather(*(caller(items[n::CALLERS]) for n in range(CALLERS)))


async def warm(side: Side, call: Call, data: Data) -> None:
    """Connections opened, statements prepared, caches filled."""
    inputs = call.inputs(data, WARM_CALLS)
    await _callers(side, call, inputs)
    for item in call.inputs(data, WARM_CALLS // call.weight):
        await call.call(side, item)


async def counted(proxy: CountingProxy, side: Side, call: Call, data: Data) -> Wire:
    """The wire of one call, on a side whose connections go through the proxy."""
    for item in call.inputs(data, COUNTED_CALLS):
        await call.call(side, item)
    with proxy.count() as counts:
        for item in call.inputs(data, COUNTED_CALLS):
            await call.call(side, item)
    return Wire(
        statements=counts.statements / COUNTED_CALLS,
        round_trips=counts.round_trips / COUNTED_CALLS,
        bytes_up=counts.bytes_up / COUNTED_CALLS,
        bytes_down=counts.bytes_down / COUNTED_CALLS,
    )
