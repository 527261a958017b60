"""agno's approval methods."""

from __future__ import annotations

from typing import Any

from agnodb import clock
from agnodb.databases.methods.base import Methods, plain
from agnodb.filters import Page
from agnodb.records.approvals import ApprovalRecord


class ApprovalMethods(Methods):
    """Approvals, as dictionaries. Each method is one statement; times are epoch seconds."""

    async def create_approval(self, approval_data: dict[str, Any]) -> dict[str, Any]:
        """Insert an approval; the data with its defaults (`created_at` and `updated_at`: now).

        Raises DuplicateKeyError when the id is taken, InvalidValueError for unknown or missing fields.
        """
        approval = ApprovalRecord.of(approval_data)
        if "updated_at" not in approval_data:
            approval.updated_at = clock.now()
        return (await self.repositories.approvals.create(approval)).fill(approval_data)

    async def get_approval(self, approval_id: str) -> dict[str, Any] | None:
        """The approval, or None."""
        approval = await self.repositories.approvals.get(approval_id)
        return None if approval is None else approval.to_dict()

    async def get_approvals(
        self,
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
        limit: int = 100,
        page: int = 1,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of approvals, the latest first, and the number of all that match."""
        approvals, total = await self.repositories.approvals.page(
            Page(limit, page),
            status=plain(status),
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
        return [approval.to_dict() for approval in approvals], total

    async def update_approval(
        self, approval_id: str, expected_status: str | None = None, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Set fields; the changed approval, or None when there is none.

        With `expected_status` None also when the status is another one by now: of two who resolve an approval at
        the same time, one gets it and the other None. Atomic. Raises InvalidValueError for an unknown field, and
        for the id, the owner and the creation time.
        """
        approval = await self.repositories.approvals.update(approval_id, kwargs, expected_status=plain(expected_status))
        return None if approval is None else approval.to_dict()

    async def delete_approval(self, approval_id: str) -> bool:
        """Delete the approval; False when there is none."""
        return await self.repositories.approvals.delete(approval_id)

    async def get_pending_approval_count(self, user_id: str | None = None) -> int:
        """The number of pending approvals (of that user)."""
        return await self.repositories.approvals.count_pending(user_id=user_id)

    async def update_approval_run_status(self, run_id: str, run_status: Any) -> int:
        """Set the run's status, an enum or a text, in all of its approvals, atomically; their number."""
        return await self.repositories.approvals.set_run_status(run_id, plain(run_status))
