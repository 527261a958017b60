"""Approvals in a document store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.documents.repository import DocumentRepository
from agnodb.filters import Page, present
from agnodb.records.approvals import PENDING, ApprovalRecord, approval_changes
from agnodb.rules.values import text_in


class DocumentApprovalRepository(DocumentRepository[ApprovalRecord]):
    """See `agnodb.contracts.approvals.ApprovalRepository`."""

    concept = "approvals"
    record = ApprovalRecord

    async def get(self, approval_id: str) -> ApprovalRecord | None:
        return await self.find(approval_id)

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
        return await self.paged(page, self.chosen(**filters))

    async def count_pending(self, *, user_id: str | None = None) -> int:
        return await self.count(self.chosen(status=PENDING, **present(user_id=user_id)))

    async def create(self, approval: ApprovalRecord) -> ApprovalRecord:
        created_at = clock.now() if approval.created_at is None else approval.created_at
        return await self.insert(replace(approval, created_at=created_at))

    async def update(
        self, approval_id: str, changes: Mapping[str, Any], *, expected_status: str | None = None
    ) -> ApprovalRecord | None:
        made = {**approval_changes(changes), "updated_at": clock.now()}
        return await self.change(approval_id, made, **present(status=expected_status))

    async def set_run_status(self, run_id: str, status: str) -> int:
        # Without a status there is nothing to tell: not a way to clear it.
        changes = {"run_status": text_in(status), "updated_at": clock.now()}
        found = await self.all_of(self.chosen(run_id=run_id))
        changed = [await self.change(approval.id, changes, run_id=run_id) for approval in found]
        return len([approval for approval in changed if approval is not None])

    async def delete(self, approval_id: str) -> bool:
        return await self.delete_any([approval_id]) > 0
