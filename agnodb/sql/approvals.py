"""Approvals in SQL."""

from __future__ import annotations

from sqlalchemy import Executable, update

from agnodb import clock
from agnodb.filters import present
from agnodb.records.approvals import PENDING, ApprovalRecord
from agnodb.rules.approvals import Approvals
from agnodb.rules.values import text_in
from agnodb.sql.single_rows import SingleRows


class SqlApprovalRepository(Approvals, SingleRows[ApprovalRecord]):
    """See `agnodb.contracts.approvals.ApprovalRepository`."""

    async def count_pending(self, *, user_id: str | None = None) -> int:
        filters = present(status=PENDING, user_id=user_id)
        rows = await self.run("count_pending", self._counted, self.rows.parameters(filters), *sorted(filters))
        return int(rows[0][0])

    def _counted(self, *names: str) -> Executable:
        return self._count(self.equal(names))

    async def set_run_status(self, run_id: str, status: str) -> int:
        # Without a status there is nothing to tell: not a way to clear it.
        values = {"run_id": run_id, "run_status": text_in(status), "updated_at": clock.now()}
        return len(await self.run("set_run_status", self._set_run_status, self.rows.parameters(values)))

    def _set_run_status(self) -> Executable:
        values = self.rows.binds(("run_id", "run_status", "updated_at"))
        of_run = self.table.c.run_id == values.pop("run_id")
        return update(self.table).where(of_run).values(values).returning(self.key)
