"""Evaluation runs in a document store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.documents.lists import Chosen
from agnodb.documents.repository import DocumentRepository
from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page, present
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.sessions import SessionType
from agnodb.rules.ownership import may_write
from agnodb.rules.values import text_in


class DocumentEvalRunRepository(DocumentRepository[EvalRunRecord]):
    """See `agnodb.contracts.eval_runs.EvalRunRepository`."""

    concept = "eval_runs"
    record = EvalRunRecord

    async def create(self, eval_run: EvalRunRecord) -> None:
        created_at = clock.now() if eval_run.created_at is None else eval_run.created_at
        updated_at = created_at if eval_run.updated_at is None else eval_run.updated_at
        await self.insert(replace(eval_run, created_at=created_at, updated_at=updated_at))

    async def get(self, run_id: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        return await self.find(run_id, **present(user_id=user_id))

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
        if component is not None and component not in list(SessionType):
            raise InvalidValueError("A component is an agent, a team or a workflow.", detail=component)
        keep = None if component is None else _of_component(f"{component}_id")
        types = ("eval_type", tuple(map(text_in, eval_types))) if eval_types else None
        return await self.paged(page, Chosen(self.map.scalars(filters), one_of=types, keep=keep))

    async def rename(self, run_id: str, name: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        return await self.change(run_id, {"name": name, "updated_at": clock.now()}, **present(user_id=user_id))

    async def claim(self, run_id: str, user_id: str) -> bool:
        def claimed(stored: EvalRunRecord | None) -> EvalRunRecord | None:
            if stored is not None and not may_write(stored.user_id, user_id):
                raise OwnershipError(run_id=run_id, user_id=user_id)
            if stored is None or user_id is None:  # it may write any run, and makes nobody its owner
                return stored
            return replace(stored, user_id=user_id)

        return await self.compare_and_set(run_id, claimed) is not None

    async def delete(self, run_id: str) -> bool:
        return await self.delete_any([run_id]) > 0

    async def delete_many(self, run_ids: Iterable[str], *, user_id: str | None = None) -> int:
        return await self.delete_any(run_ids, **present(user_id=user_id))


def _of_component(name: str) -> Any:
    return lambda eval_run: getattr(eval_run, name) is not None
