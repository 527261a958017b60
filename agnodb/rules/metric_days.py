"""Which days of metrics are to be computed again, where nothing in the database notes what is written.

Each day is kept with what was seen of its sessions and its runs when it was computed: how many there were, and the sums
of when and how often they were written. A day that looks different, or of which something was written at about the time
when it was computed, is computed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MARGIN = 300
"""Seconds by which clocks may differ and a write may be late."""

Span = tuple[int, int]
"""The first and the last of some days, which are in days since 1970-01-01."""


@dataclass(slots=True)
class Seen:
    """A day: what was `seen` of its sessions and runs, their number and when the last was `written` (epoch seconds)."""

    seen: tuple[Any, ...] = (0, 0, 0, 0, 0, 0)
    number: int = 0
    written: float = 0

    def is_news(self, seen: Sequence[Any], computed: float, *, ended: bool) -> bool:
        """Whether the day has changed since it was `computed` (epoch seconds), when it looked like `seen`, or has
        `ended` since."""
        return list(self.seen) != list(seen) or ended or self.written >= computed - MARGIN


@dataclass(frozen=True, slots=True)
class Stale:
    """A day to be computed, the number of its sessions and runs, and whether that was asked for: its rows count then,
    whether they differ or not."""

    day: int
    number: int
    again: bool


def batches(days: Iterable[Stale], most: int) -> Iterator[list[Stale]]:
    """The days, so many at a time that they have at most so many sessions and runs, or that it is one day."""
    batch: list[Stale] = []
    for day in days:
        if batch and sum(other.number for other in batch) + day.number > most:
            yield batch
            batch = []
        batch.append(day)
    if batch:
        yield batch


def spans(days: Iterable[Stale]) -> list[Span]:
    """The days, in order, as few spans."""
    found: list[Span] = []
    for day in (day.day for day in days):
        first, last = found.pop() if found and found[-1][1] == day - 1 else (day, day)
        found.append((first, max(last, day)))
    return found
