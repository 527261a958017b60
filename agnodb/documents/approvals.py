"""Approvals in a document store."""

from __future__ import annotations

from agnodb import clock
from agnodb.documents.repository import DocumentRepository
from agnodb.filters import present
from agnodb.records.approvals import PENDING, ApprovalRecord
from agnodb.rules.approvals import Approvals
from agnodb.rules.values import text_in


class DocumentApprovalRepository(Approvals, DocumentRepository[ApprovalRecord]):
    """See `agnodb.contracts.approvals.ApprovalRepository`."""

    async def count_pending(self, *, user_id: str | None = None) -> int:
        return await self.count(self.chosen(status=PENDING, **present(user_id=user_id)))

    async def set_run_status(self, run_id: str, status: str) -> int:
        # Without a status there is nothing to tell: not a way to clear it.
        changes = {"run_status": text_in(status), "updated_at": clock.now()}
        found = await self.all_of(self.chosen(run_id=run_id))
        changed = [await self.change(approval.id, changes, run_id=run_id) for approval in found]
        return len([approval for approval in changed if approval is not None])
