"""Approvals in MongoDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.filters import Page, present
from agnodb.mongo.repository import MongoRepository
from agnodb.records.approvals import PENDING, ApprovalRecord, approval_changes
from agnodb.rules.values import text_in


class MongoApprovalRepository(MongoRepository[ApprovalRecord]):
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
        return await self.paged(page, self.fields.encode(filters))

    async def count_pending(self, *, user_id: str | None = None) -> int:
        match = self.fields.encode(present(status=PENDING, user_id=user_id))
        return int(await self.call("count_pending", "count_documents", match))

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
        given = self.fields.encode({"run_status": text_in(status), "updated_at": clock.now()})
        done = await self.call("set_run_status", "update_many", {"run_id": text_in(run_id)}, {"$set": given})
        return int(done.matched_count)

    async def delete(self, approval_id: str) -> bool:
        return await self.delete_any([approval_id]) > 0
