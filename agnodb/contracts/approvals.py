"""The repository of approvals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from agnodb.filters import Page
from agnodb.records.approvals import ApprovalRecord


class ApprovalRepository(Protocol):
    """Approvals by id. Each method is one statement; None for a filter means 'any'."""

    async def get(self, approval_id: str) -> ApprovalRecord | None:
        """The approval, or None."""
        ...

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
        """One page of approvals, by default the latest first, and the number of all that match."""
        ...

    async def count_pending(self, *, user_id: str | None = None) -> int:
        """The number of approvals that nobody has decided yet."""
        ...

    async def create(self, approval: ApprovalRecord) -> ApprovalRecord:
        """Insert the approval; as it was stored, with `created_at`. Raises DuplicateKeyError for a taken id."""
        ...

    async def update(
        self, approval_id: str, changes: Mapping[str, Any], *, expected_status: str | None = None
    ) -> ApprovalRecord | None:
        """Set columns and `updated_at`; the changed approval, or None when there is none.

        With `expected_status` None also when the approval has another status: of callers that race with the same
        one, and change it, one wins. Atomic. Raises InvalidValueError for an unknown column and for those that
        never change: the id, the owner and the creation time.
        """
        ...

    async def set_run_status(self, run_id: str, status: str) -> int:
        """Set `run_status` of all approvals of a run, atomically; their number."""
        ...

    async def delete(self, approval_id: str) -> bool:
        """Delete the approval; False when there is none."""
        ...
