"""The repository of evaluation runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from agnodb.filters import Page
from agnodb.records.eval_runs import EvalRunRecord


class EvalRunRepository(Protocol):
    """Evaluation runs by id."""

    async def create(self, eval_run: EvalRunRecord) -> None:
        """Insert the run. Raises DuplicateKeyError when its id is taken."""
        ...

    async def get(self, run_id: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        """The run, or None when there is none (of that user)."""
        ...

    async def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        model_id: str | None = None,
        eval_types: Sequence[str] | None = None,
        component: str | None = None,
    ) -> tuple[list[EvalRunRecord], int]:
        """One page of runs and the number of all that match.

        `component` ('agent', 'team' or 'workflow') leaves those that evaluated such a component.
        """
        ...

    async def rename(self, run_id: str, name: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        """Set the name; None when there is no such run (of that user)."""
        ...

    async def claim(self, run_id: str, user_id: str) -> bool:
        """Make `user_id` the owner of a run that has none; False when there is no such run.

        Raises OwnershipError when it is another user's. Of users who race for a run one gets it.
        """
        ...

    async def delete(self, run_id: str) -> bool:
        """Delete the run, whoever the owner is; False when there is none."""
        ...

    async def delete_many(self, run_ids: Iterable[str], *, user_id: str | None = None) -> int:
        """Delete runs (of that user); the number deleted."""
        ...
