"""Traces, as every family asks for them, and how one is merged into the stored one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from agnodb.contracts.traces import Groups
from agnodb.filters import Page, present
from agnodb.records.traces import PLACEHOLDER_NAME, TraceRecord, TraceRow
from agnodb.rules.keyed import Keyed
from agnodb.rules.statistics import trace_group

_IDS = ("run_id", "session_id", "agent_id", "team_id", "workflow_id")
_COMPONENTS = ("workflow_id", "team_id", "agent_id")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which traces are asked for: those whose fields equal `filters`, of some time, that fit a filter expression."""

    filters: Mapping[str, Any]
    start_time: datetime | str | None
    end_time: datetime | str | None
    expression: Mapping[str, Any] | None


class Traces(Keyed[TraceRow]):
    """The questions of `agnodb.contracts.traces.TraceRepository`; a family answers them."""

    concept = "traces"
    record = TraceRow

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
        filters = present(
            run_id=run_id,
            session_id=session_id,
            user_id=user_id,
            agent_id=agent_id,
            team_id=team_id,
            workflow_id=workflow_id,
            status=status,
        )
        return await self._asked(page, Asked(filters, start_time, end_time, filter_expr))

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
        columns = trace_group(group_by)
        filters = present(user_id=user_id, agent_id=agent_id, team_id=team_id, workflow_id=workflow_id)
        return await self._grouped(page, columns, Asked(filters, start_time, end_time, filter_expr))

    @abstractmethod
    async def _asked(self, page: Page, asked: Asked) -> tuple[list[TraceRecord], int]:
        """One page of the traces that started and ended in that time, and the number of all."""

    @abstractmethod
    async def _grouped(self, page: Page, columns: tuple[str, ...], asked: Asked) -> Groups:
        """One page of the groups, by the first of `columns`, of the traces that were made in that time."""


def merged_trace(stored: TraceRow, new: TraceRow) -> TraceRow:
    """`stored` with what `new` tells. The times of both are texts of `agnodb.clock`."""
    ids: dict[str, Any] = {name: _first(getattr(stored, name), getattr(new, name)) for name in _IDS}
    user_id = _first(stored.user_id, new.user_id)
    if stored.name == PLACEHOLDER_NAME and stored.status == "UNSET":
        return replace(new, user_id=user_id, **ids)
    start, end = min(stored.start_time, new.start_time), max(stored.end_time, new.end_time)
    lasted = (datetime.fromisoformat(end) - datetime.fromisoformat(start)) // timedelta(milliseconds=1)
    name = new.name if _level(new) > _level(stored) else stored.name
    times: dict[str, Any] = {"start_time": start, "end_time": end, "duration_ms": lasted}
    return replace(stored, name=name, status=new.status, user_id=user_id, **times, **ids)


def _first(stored: str | None, new: str | None) -> str | None:
    return new if stored is None else stored


def _level(trace: TraceRow) -> int:
    """How far out the component is that gave a trace its name: a workflow, a team, an agent, or nothing of those."""
    if ".run" not in trace.name and ".arun" not in trace.name:
        return 0
    return next((3 - place for place, name in enumerate(_COMPONENTS) if getattr(trace, name) is not None), 0)
