"""The repository of traces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from agnodb.filters import Page
from agnodb.records.traces import TraceRecord, TraceRow

Groups = tuple[list[dict[str, Any]], int]
"""A page of groups, and the number of all groups."""


class TraceRepository(Protocol):
    """Traces by id. Times are datetimes or ISO 8601 text in any timezone: the same instant gives the same answer."""

    async def get(self, *, trace_id: str | None = None, run_id: str | None = None) -> TraceRecord | None:
        """The trace, by its id or else the latest of a run, or None. One statement."""
        ...

    async def page(
        self,
        page: Page,
        *,
        run_id: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        filter_expr: Mapping[str, Any] | None = None,
    ) -> tuple[list[TraceRecord], int]:
        """One page of traces, by default the latest first, and the number of all that match.

        Those that started at `start_time` or later and ended at `end_time` or earlier. `filter_expr` is one of
        agno's filter expressions over the columns of a trace. Spans are counted for the page's traces only. Raises
        InvalidValueError.
        """
        ...

    async def stats(
        self,
        page: Page,
        *,
        group_by: str = "session",
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        filter_expr: Mapping[str, Any] | None = None,
    ) -> Groups:
        """One page of groups and the number of all groups, over traces created from `start_time` to `end_time`.

        `group_by` is 'session', 'agent', 'team', 'workflow', or 'endpoint' (by the name of traces without a
        component). Sessions come latest first and have `total_traces`, the ids of their components and
        `first_trace_at` and `last_trace_at` (datetimes). The others come busiest first and have `total_sessions`,
        `error_traces` and the average, 95th percentile and maximum of the duration (milliseconds) instead of ids.
        Raises InvalidValueError.
        """
        ...

    async def upsert(self, trace: TraceRow) -> None:
        """Insert the trace or merge it into the stored one. One atomic statement.

        Merged are: the earliest start and latest end, and the duration between them; the newest status; the name
        of the outermost component (workflow, then team, then agent); of each id the one stored first. A
        placeholder, stored for spans that came before their trace, takes everything from this trace. Raises
        OwnershipError when the trace is another user's.
        """
        ...
