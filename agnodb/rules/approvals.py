"""Approvals, as every family keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.filters import Page, present
from agnodb.records.approvals import ApprovalRecord, approval_changes
from agnodb.rules.keyed import Changed


class Approvals(Changed[ApprovalRecord]):
    """What `agnodb.contracts.approvals.ApprovalRepository` has for one approval at a time, and its pages."""

    concept = "approvals"
    record = ApprovalRecord

    async def get(self, approval_id: str) -> ApprovalRecord | None:
        return await self.one(approval_id)

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
        filters = present(
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
        )
        return await self.listed(page, **filters)

    async def create(self, approval: ApprovalRecord) -> ApprovalRecord:
        created_at = clock.now() if approval.created_at is None else approval.created_at
        return await self.insert(replace(approval, created_at=created_at))

    async def update(
        self, approval_id: str, changes: Mapping[str, Any], *, expected_status: str | None = None
    ) -> ApprovalRecord | None:
        made = {**approval_changes(changes), "updated_at": clock.now()}
        return await self.change(approval_id, made, **present(status=expected_status))

    async def delete(self, approval_id: str) -> bool:
        return await self.delete_one(approval_id)
