"""agno's metrics methods."""

from __future__ import annotations

import datetime
import math
import time
from typing import Any

from agnodb.databases.methods.base import Methods

REFRESH_SECONDS = 60.0
"""How long a reader of metrics is content with those that were computed."""


class MetricMethods(Methods):
    """Daily metrics, as dictionaries of their columns."""

    _metrics_refreshed = -math.inf
    """When this instance last computed metrics, on the monotonic clock."""

    async def calculate_metrics(self) -> list[dict[str, Any]] | None:
        """Bring the metrics up to date with all that was written and deleted; the rows that changed, or None.

        `user_id` is '' for what nobody owns. Owners and days of which everything was deleted lose their row. Atomic
        for each thousand of changes.
        """
        return await self._refresh_metrics()

    async def get_metrics(
        self,
        starting_date: datetime.date | None = None,
        ending_date: datetime.date | None = None,
        user_id: str | None = None,
    ) -> tuple[list[dict[str, Any]], int | None]:
        """The metrics of these days (both included), and when metrics (of that user) were last computed.

        They are brought up to date first, at most once in 60 seconds for an instance. Without metrics the time is
        None. Raises what `calculate_metrics` raises.
        """
        if time.monotonic() - self._metrics_refreshed >= REFRESH_SECONDS:
            await self._refresh_metrics()
        metrics, computed = await self.repositories.metrics.report(
            user_id=user_id, from_day=starting_date, to_day=ending_date
        )
        return [{**metric.to_dict(), "user_id": metric.user_id or None} for metric in metrics], computed

    async def _refresh_metrics(self) -> list[dict[str, Any]] | None:
        # Set first: others who ask meanwhile need not wait. A failure is not a refresh.
        before, self._metrics_refreshed = self._metrics_refreshed, time.monotonic()
        try:
            metrics = await self.repositories.metrics.refresh()
        except BaseException:
            self._metrics_refreshed = before
            raise
        return None if metrics is None else [metric.to_dict() for metric in metrics]
