"""The repository of metrics."""

from __future__ import annotations

import datetime
from typing import Protocol

from agnodb.filters import Page
from agnodb.records.metrics import MetricRecord


class MetricRepository(Protocol):
    """Daily metrics, each row computed from the sessions and runs of one user on one UTC day.

    Each session and run is known with what it was counted for, so whatever happens to it the sum over the days is the
    sum over the runs. A number of tokens is a whole number: fractions are cut off. Sessions and runs whose time is no
    date between the years 1 and 9999 are left out.
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

    async def refresh(self) -> list[MetricRecord] | None:
        """Count what was written or deleted since the last time; the rows that changed, or None when none did.

        It costs what changed, however much is stored, and finds every change, whoever made it (see
        docs/architecture.md). Rows of which nothing is left are deleted. Each thousand of changes is one transaction,
        and a row is written once all are counted. Refreshes at the same time wait for each other.
        """
        ...

    async def recompute(self, from_day: datetime.date, to_day: datetime.date) -> list[MetricRecord] | None:
        """Count all days from `from_day` to `to_day`, both included, from the beginning, and what `refresh` would."""
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
