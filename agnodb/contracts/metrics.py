"""The repository of metrics."""

from __future__ import annotations

import datetime
from typing import Protocol

from agnodb.filters import Page
from agnodb.records.metrics import MetricRecord


class MetricRepository(Protocol):
    """Daily metrics, each row computed from the sessions and runs of one user on one UTC day.

    A day is always computed as a whole, so its rows say what is stored at that moment: the sum over the days is the
    sum over the runs. Sessions and runs whose time is no date between the years 1 and 9999 are left out.
    """

    async def report(
        self,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int | None]:
        """The metrics of these days, and when metrics (of that user, of any day) were last computed.

        The time, in epoch seconds, is None when there are no metrics of these days. One statement.
        """
        ...

    async def refresh(self, *, deletions: bool = False) -> list[MetricRecord] | None:
        """Compute again the days that changed; their rows, or None when there was nothing to do. Atomic.

        Those are the days that were not over when they were last computed, and those of which a session or a run
        was written since. Their cost follows what changed. A deletion leaves no time behind: `deletions` finds the
        days, however old, whose numbers of sessions or runs differ from what is stored, by counting index entries.
        Rows of which nothing is left are deleted. Refreshes at the same time wait for each other.
        """
        ...

    async def recompute(self, from_day: datetime.date, to_day: datetime.date) -> list[MetricRecord] | None:
        """Compute all days from `from_day` to `to_day`, both included, and whatever `refresh` would."""
        ...

    async def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        from_day: datetime.date | None = None,
        to_day: datetime.date | None = None,
    ) -> tuple[list[MetricRecord], int]:
        """One page of metrics, by default in the order of their days, and the number of all that match.

        `from_day` and `to_day` are both included; `user_id` '' is what nobody owns.
        """
        ...
