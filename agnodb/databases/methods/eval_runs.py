"""agno's evaluation methods."""

from __future__ import annotations

from typing import Any

from agnodb.databases.methods.base import Methods, plain
from agnodb.filters import Page
from agnodb.records.eval_runs import EvalRunRecord


class EvalRunMethods(Methods):
    """The results of evaluations."""

    async def create_eval_run(self, eval_run: Any) -> Any:
        """Save a new evaluation run; it comes back. Raises DuplicateKeyError when its id is taken."""
        await self.repositories.eval_runs.create(self.objects.eval_run_record(eval_run))
        return eval_run

    async def get_eval_run(self, eval_run_id: str, deserialize: bool | None = True, user_id: str | None = None) -> Any:
        """The run, or None when there is none (of that user)."""
        run = await self.repositories.eval_runs.get(eval_run_id, user_id=user_id)
        return None if run is None else self._eval_run_given(run, deserialize)

    def _eval_run_given(self, run: EvalRunRecord, deserialize: bool | None) -> Any:
        return self.objects.eval_run(run) if deserialize else run.to_dict()

    async def get_eval_runs(
        self,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        model_id: str | None = None,
        filter_type: Any = None,
        eval_type: list[Any] | None = None,
        deserialize: bool | None = True,
        user_id: str | None = None,
    ) -> Any:
        """A page of runs, the latest first: a list of objects, or (dictionaries, number of all that match).

        `filter_type` leaves those that evaluated an agent, a team or a workflow. One statement.
        """
        runs, total = await self.repositories.eval_runs.page(
            Page(limit, page, sort_by, sort_order),
            user_id=user_id,
            agent_id=agent_id,
            team_id=team_id,
            workflow_id=workflow_id,
            model_id=model_id,
            eval_types=[plain(kind) for kind in eval_type] if eval_type else None,
            component=plain(filter_type),
        )
        given = [self._eval_run_given(run, deserialize) for run in runs]
        return given if deserialize else (given, total)

    async def rename_eval_run(
        self, eval_run_id: str, name: str, deserialize: bool | None = True, user_id: str | None = None
    ) -> Any:
        """Set the name; the run, or None when there is none (of that user). One statement."""
        run = await self.repositories.eval_runs.rename(eval_run_id, name, user_id=user_id)
        return None if run is None else self._eval_run_given(run, deserialize)

    async def update_eval_run_user_id(self, eval_run_id: str, user_id: str) -> None:
        """Make `user_id` the owner of a run without one. Raises OwnershipError when it is another user's."""
        await self.repositories.eval_runs.claim(eval_run_id, user_id)

    async def delete_eval_run(self, eval_run_id: str) -> None:
        """Delete the run, if there is one."""
        await self.repositories.eval_runs.delete(eval_run_id)

    async def delete_eval_runs(self, eval_run_ids: list[str], user_id: str | None = None) -> None:
        """Delete runs (of that user)."""
        await self.repositories.eval_runs.delete_many(eval_run_ids, user_id=user_id)
