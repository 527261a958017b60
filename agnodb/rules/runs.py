"""Runs, as every family reads and deletes them by their ids."""

from __future__ import annotations

from collections.abc import Iterable

from agnodb.filters import Page, present
from agnodb.records.runs import RunRecord
from agnodb.rules.keyed import Keyed


class Runs(Keyed[RunRecord]):
    """What `agnodb.contracts.runs.RunRepository` has for one run at a time, and its pages."""

    concept = "runs"
    record = RunRecord

    async def get(self, run_id: str) -> RunRecord | None:
        return await self.one(run_id)

    async def page(
        self,
        page: Page,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: str | None = None,
    ) -> tuple[list[RunRecord], int]:
        filters = present(
            session_id=session_id,
            user_id=user_id,
            agent_id=agent_id,
            team_id=team_id,
            workflow_id=workflow_id,
            status=status,
        )
        return await self.listed(page, **filters)

    async def delete(self, run_id: str) -> bool:
        return await self.delete_one(run_id)

    async def delete_many(self, run_ids: Iterable[str]) -> int:
        return await self.delete_any(run_ids)
