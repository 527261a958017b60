"""Approvals in MongoDB."""

from __future__ import annotations

from agnodb import clock
from agnodb.filters import present
from agnodb.mongo.repository import MongoRepository
from agnodb.records.approvals import PENDING, ApprovalRecord
from agnodb.rules.approvals import Approvals
from agnodb.rules.values import text_in


class MongoApprovalRepository(Approvals, MongoRepository[ApprovalRecord]):
    """See `agnodb.contracts.approvals.ApprovalRepository`."""

    async def count_pending(self, *, user_id: str | None = None) -> int:
        match = self.fields.encode(present(status=PENDING, user_id=user_id))
        return int(await self.call("count_pending", "count_documents", match))

    async def set_run_status(self, run_id: str, status: str) -> int:
        # Without a status there is nothing to tell: not a way to clear it.
        given = self.fields.encode({"run_status": text_in(status), "updated_at": clock.now()})
        done = await self.call("set_run_status", "update_many", {"run_id": text_in(run_id)}, {"$set": given})
        return int(done.matched_count)
