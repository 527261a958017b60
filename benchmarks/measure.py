"""Clocks and counters: sides in turns, one caller and sixteen, then the wire in a pass of its own."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from agnodb.testing.wire import CountingProxy, Counts

CALLERS = 16
LEAST, WARM, COUNTED = 3, 6, 4

Call = Callable[[Any, Any], Awaitable[Any]]
Inputs = Callable[[int], Sequence[Any]]
Count = Callable[[], AbstractContextManager[Counts]]


@dataclass(frozen=True)
class Row:
    """What one side took for one thing: medians over the rounds, by metric."""

    family: str
    name: str
    side: str
    values: dict[str, float]


@dataclass(frozen=True)
class Size:
    """How long it takes. `seconds` bounds one side's calls in one round, of which there are never less than three."""

    rounds: int
    alone: int
    together: int
    seconds: float
    millions: bool = False


SIZES = {
    "quick": Size(rounds=2, alone=10, together=2 * CALLERS, seconds=0.3),
    "normal": Size(rounds=3, alone=60, together=10 * CALLERS, seconds=1.0),
    "full": Size(rounds=6, alone=100, together=20 * CALLERS, seconds=3.0, millions=True),
}


@dataclass
class Bench:
    """One family's measurements, on a database of its own at `url` that `proxy` also leads to."""

    family: str
    url: str
    proxy: CountingProxy
    size: Size
    rows: list[Row] = field(default_factory=list)
    counts_only: bool = False
    """Whether the clocks are left out: what is counted does not depend on the machine."""
    not_run: dict[str, str] = field(default_factory=dict)
    """Why something was not measured: what it needs is not here."""
    only: str | None = None
    """The one side that is measured."""

    def add(self, name: str, side: str, **values: float) -> None:
        self.rows.append(Row(self.family, name, side, values))

    async def compare(
        self, name: str, call: Call, inputs: Inputs, sides: Sequence[Any], wired: Sequence[Any] = (), *,
        together: bool = True, clocks: bool = True,
    ) -> None:  # fmt: skip
        """`call(side, input)` on every side in turns, an order that rotates; then counted on the sides `wired`.

        `inputs` makes the arguments before the clock starts; they are the same for every side.
        """
        found = await self.clocked(call, inputs, sides, together=together) if clocks else {}
        for side in wired:
            found.setdefault(side.name, {}).update(await self.counted(call, inputs, side, self.proxy.count))
        for side, values in found.items():
            self.add(name, side, **values)

    async def clocked(
        self, call: Call, inputs: Inputs, sides: Sequence[Any], *, together: bool = True
    ) -> dict[str, dict[str, float]]:
        """By side, the medians over the rounds of what the clocks say; nothing where they are left out."""
        if self.counts_only:
            return {side.name: {} for side in sides}
        rounds = await self._rounds(call, inputs, sides, together)
        return {
            side: {metric: statistics.median(t[metric] for t in timings) for metric in timings[0]}
            for side, timings in rounds.items()
        }

    async def counted(self, call: Call, inputs: Inputs, side: Any, count: Count) -> dict[str, float]:
        """What `count` sees of a warm call."""
        for _ in range(2):  # what is read for the first time, and what is prepared for the second
            for item in inputs(WARM):
                await call(side, item)
        items = inputs(COUNTED)
        with count() as counts:
            for item in items:
                await call(side, item)
        return per_call(counts, len(items))

    async def _rounds(
        self, call: Call, inputs: Inputs, sides: Sequence[Any], together: bool
    ) -> dict[str, list[dict[str, float]]]:
        for side in sides:
            await _callers(side, call, inputs(CALLERS if together else 1))
            for item in inputs(LEAST):
                await call(side, item)
        timings: dict[str, list[dict[str, float]]] = {side.name: [] for side in sides}
        for number in range(self.size.rounds):
            turn = number % len(sides)
            alone, at_once = inputs(self.size.alone), inputs(self.size.together) if together else ()
            for side in [*sides[turn:], *sides[:turn]]:
                timings[side.name].append(await self._timed(side, call, alone, at_once))
        return timings

    async def _timed(self, side: Any, call: Call, alone: Sequence[Any], together: Sequence[Any]) -> dict[str, float]:
        gc.collect()
        milliseconds = []
        cpu, began = time.process_time(), time.perf_counter()
        for number, item in enumerate(alone):
            start = time.perf_counter()
            if number >= LEAST and start - began > self.size.seconds:
                break
            await call(side, item)
            milliseconds.append((time.perf_counter() - start) * 1000)
        cpu = time.process_time() - cpu
        timing = {
            "p50_ms": statistics.median(milliseconds),
            "p95_ms": statistics.quantiles(milliseconds, n=20, method="inclusive")[-1],
            "cpu_ms": cpu * 1000 / len(milliseconds),
        }
        if together:
            # As many as take about the time allowed, each caller at least one.
            some = max(CALLERS, min(len(together), int(self.size.seconds * 1500 / timing["p50_ms"])))
            cpu, start = time.process_time(), time.perf_counter()
            await _callers(side, call, together[:some])
            timing["calls_per_second"] = some / (time.perf_counter() - start)
            timing["cpu_together_ms"] = (time.process_time() - cpu) * 1000 / some
        return timing


def per_call(counts: Counts, calls: int) -> dict[str, float]:
    """Of one call; what was not counted at all is left out."""
    names = ("statements", "round_trips", "bytes_up", "bytes_down")
    return {name: getattr(counts, name) / calls for name in names if getattr(counts, name)}


async def _callers(side: Any, call: Call, items: Sequence[Any]) -> None:
    async def caller(mine: Iterable[Any]) -> None:
        for item in mine:
            await call(side, item)

    callers = [caller(items[n::CALLERS]) for n in range(CALLERS)]
    if not getattr(side, "blocking", False):
        await asyncio.gather(*callers)
        return
    with ThreadPoolExecutor(CALLERS) as threads:
        [*threads.map(_to_its_end, callers)]


def _to_its_end(caller: Coroutine[Any, Any, None]) -> None:
    """Run what never waits for an event loop."""
    try:
        caller.send(None)
    except StopIteration:
        return
    raise RuntimeError("a side without an event loop has waited for one")


class Stopwatch:
    """Adds up time and CPU spent inside the awaited methods of a database: the database layer's part of a turn."""

    def __init__(self, db: Any, methods: Iterable[str]) -> None:
        self.seconds = 0.0
        self._inside = 0
        self.also(db, methods)

    def also(self, db: Any, methods: Iterable[str]) -> None:
        """Watch the methods of another object too."""
        for name in methods:
            setattr(db, name, self._timing(getattr(db, name)))

    def _timing(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def timed(*args: Any, **kwargs: Any) -> Any:
            with self._running():
                return await method(*args, **kwargs)

        return timed

    @contextmanager
    def _running(self) -> Any:
        start = time.perf_counter()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self.seconds += time.perf_counter() - start
