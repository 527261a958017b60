"""How long the total of a long list is good for.

Which rows a page has is read anew every time. How many match in all takes a look at every one of them: from some ten
thousand on that costs more than the page, and at a million a hundred times as much. So a total of `KEPT_FROM` and
more is counted once in `KEPT_SECONDS` for each list and its filters, by each database object; a smaller one with every
page.
"""

from __future__ import annotations

import time
from collections.abc import Hashable

KEPT_FROM = 10_000
KEPT_SECONDS = 10.0
MOST = 256
"""How many totals are kept; the oldest goes first."""


class KeptTotals:
    """The totals that one database object has counted lately, by what they are of."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[int, float]] = {}

    def get(self, key: Hashable) -> int | None:
        """The total of `key` if it was counted lately, else None."""
        total, until = self._kept.get(key, (None, 0.0))
        return total if time.monotonic() < until else None

    def keep(self, key: Hashable, total: int) -> None:
        """Remember a total that was just counted, if it is one of those that are kept."""
        self._kept.pop(key, None)
        if total < KEPT_FROM:
            return
        while len(self._kept) >= MOST:
            self._kept.pop(next(iter(self._kept), None), None)
        self._kept[key] = total, time.monotonic() + KEPT_SECONDS
