"""Approvals in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Executable, update

from agnodb import clock
from agnodb.filters import Page, present
from agnodb.records.approvals import PENDING, ApprovalRecord, approval_changes
from agnodb.rules.values import text_in
from agnodb.sql.single_rows import SingleRows


class SqlApprovalRepository(SingleRows[ApprovalRecord]):
    """See `agnodb.contracts.approvals.ApprovalRepository`."""

    concept = "approvals"
    record = ApprovalRecord

    async def get(self, approval_id: str) -> ApprovalRecord | None:
        return await self.find(id=approval_id)

    async def page(
        self,
        page: Page,
        *,
        status: str | None = None,
        source_type: str | None = None,
        approval_type: str | None = None,
        pause_type: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        user_id: str | None = None,
        schedule_id: str | None = None,
        run_id: str | None = None,
    ) -> tuple[list[ApprovalRecord], int]:
        return await self.paged(
            page,
            present(
                status=status,
                source_type=source_type,
                approval_type=approval_type,
                pause_type=pause_type,
                agent_id=agent_id,
                team_id=team_id,
                workflow_id=workflow_id,
                user_id=user_id,
                schedule_id=schedule_id,
                run_id=run_id,
            ),
        )

    async def count_pending(self, *, user_id: str | None = None) -> int:
        filters = present(status=PENDING, user_id=user_id)
        rows = await self.run("count_pending", self._counted, self.rows.parameters(filters), *sorted(filters))
        return int(rows[0][0])

    def _counted(self, *names: str) -> Executable:
        return self._count(self.equal(names))

    async def create(self, approval: ApprovalRecord) -> ApprovalRecord:
        stored = replace(approval, created_at=clock.now() if approval.created_at is None else approval.created_at)
        await self.insert(stored)
        return stored

    async def update(
        self, approval_id: str, changes: Mapping[str, Any], *, expected_status: str | None = None
    ) -> ApprovalRecord | None:
        made = {**approval_changes(changes), "updated_at": clock.now()}
        return await self.change(made, id=approval_id, **present(status=expected_status))

    async def set_run_status(self, run_id: str, status: str) -> int:
        # Without a status there is nothing to tell: not a way to clear it.
        values = {"run_id": run_id, "run_status": text_in(status), "updated_at": clock.now()}
        return len(await self.run("set_run_status", self._set_run_status, self.rows.parameters(values)))

    def _set_run_status(self) -> Executable:
        values = self.rows.binds(("run_id", "run_status", "updated_at"))
        of_run = self.table.c.run_id == values.pop("run_id")
        return update(self.table).where(of_run).values(values).returning(self.key)

    async def delete(self, approval_id: str) -> bool:
        return await self.delete_where(id=approval_id) > 0
