"""agno's trace methods."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from agnodb.databases.methods.base import Methods, plain
from agnodb.filters import Page


def page_or_all(limit: int | None, page: int | None, **sorting: str | None) -> Page:
    """A page as agno numbers it: without a limit its default, page 1, means all rows."""
    return Page(limit, None if limit is None and page == 1 else page, **sorting)


class TraceMethods(Methods):
    """Traces. Times are datetimes, or ISO 8601 text, in any timezone; without one they are UTC."""

    async def upsert_trace(self, trace: Any) -> None:
        """Save the trace, merged into what is stored of it (see `TraceRepository.upsert`). One atomic statement.

        Raises OwnershipError when the trace is another user's.
        """
        await self.repositories.traces.upsert(self.objects.trace_record(trace))

    async def get_trace(self, trace_id: str | None = None, run_id: str | None = None) -> Any:
        """The trace with the counts of its spans, by its id or else the latest of a run; or None. One statement."""
        trace = await self.repositories.traces.get(trace_id=trace_id or None, run_id=run_id or None)
        return None if trace is None else self.objects.trace(trace)

    async def get_traces(
        self,
        run_id: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = 20,
        page: int | None = 1,
        filter_expr: dict[str, Any] | None = None,
    ) -> tuple[list[Any], int]:
        """A page of traces, the latest first, and the number of all that match. One statement.

        Those that started at `start_time` or later and ended at `end_time` or earlier. No `limit` means all. Raises
        InvalidValueError (a ValueError), also for a wrong `filter_expr`.
        """
        traces, total = await self.repositories.traces.page(
            page_or_all(limit, page),
            run_id=run_id or None,
            session_id=session_id or None,
            user_id=user_id,
            agent_id=agent_id or None,
            team_id=team_id or None,
            workflow_id=workflow_id or None,
            status=plain(status) or None,
            start_time=start_time,
            end_time=end_time,
            filter_expr=filter_expr or None,
        )
        return [self.objects.trace(trace) for trace in traces], total

    async def get_trace_stats(
        self,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = 20,
        page: int | None = 1,
        filter_expr: dict[str, Any] | None = None,
        group_by: Literal["session", "agent", "team", "workflow", "endpoint"] = "session",
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of statistics by group, and the number of groups (see `TraceRepository.stats`). One statement.

        Durations are in milliseconds, averages and percentiles to one digit; times are datetimes. No `limit` means
        all. Raises InvalidValueError (a ValueError).
        """
        return await self.repositories.traces.stats(
            page_or_all(limit, page),
            group_by=group_by,
            user_id=user_id,
            agent_id=agent_id or None,
            team_id=team_id or None,
            workflow_id=workflow_id or None,
            start_time=start_time,
            end_time=end_time,
            filter_expr=filter_expr or None,
        )
