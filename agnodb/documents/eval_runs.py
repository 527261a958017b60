"""Evaluation runs in a document store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agnodb.documents.lists import Chosen
from agnodb.documents.repository import DocumentRepository
from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.rules.eval_runs import EvalRuns, component_field
from agnodb.rules.ownership import may_write
from agnodb.rules.values import text_in


class DocumentEvalRunRepository(EvalRuns, DocumentRepository[EvalRunRecord]):
    """See `agnodb.contracts.eval_runs.EvalRunRepository`."""

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
        filters = present(
            user_id=user_id, agent_id=agent_id, team_id=team_id, workflow_id=workflow_id, model_id=model_id
        )
        keep = None if component is None else _of_component(component_field(component))
        types = ("eval_type", tuple(map(text_in, eval_types))) if eval_types else None
        return await self.paged(page, Chosen(self.map.scalars(filters), one_of=types, keep=keep))

    async def claim(self, run_id: str, user_id: str) -> bool:
        def claimed(stored: EvalRunRecord | None) -> EvalRunRecord | None:
            if stored is not None and not may_write(stored.user_id, user_id):
                raise OwnershipError(run_id=run_id, user_id=user_id)
            if stored is None or user_id is None:  # it may write any run, and makes nobody its owner
                return stored
            return replace(stored, user_id=user_id)

        return await self.compare_and_set(run_id, claimed) is not None


def _of_component(name: str) -> Any:
    return lambda eval_run: getattr(eval_run, name) is not None
