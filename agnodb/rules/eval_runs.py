"""Evaluation runs, as every family keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agnodb import clock
from agnodb.errors import InvalidValueError
from agnodb.filters import present
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.sessions import SessionType
from agnodb.rules.keyed import Changed


def component_field(component: str) -> str:
    """The field with the id of a `component`. Raises InvalidValueError for what is none."""
    if component not in list(SessionType):
        raise InvalidValueError("A component is an agent, a team or a workflow.", detail=component)
    return f"{component}_id"


class EvalRuns(Changed[EvalRunRecord]):
    """What `agnodb.contracts.eval_runs.EvalRunRepository` has for evaluation runs by their ids."""

    concept = "eval_runs"
    record = EvalRunRecord

    async def create(self, eval_run: EvalRunRecord) -> None:
        created_at = clock.now() if eval_run.created_at is None else eval_run.created_at
        updated_at = created_at if eval_run.updated_at is None else eval_run.updated_at
        await self.insert(replace(eval_run, created_at=created_at, updated_at=updated_at))

    async def get(self, run_id: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        return await self.one(run_id, **present(user_id=user_id))

    async def rename(self, run_id: str, name: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        return await self.change(run_id, {"name": name, "updated_at": clock.now()}, **present(user_id=user_id))

    async def delete(self, run_id: str) -> bool:
        return await self.delete_one(run_id)

    async def delete_many(self, run_ids: Iterable[str], *, user_id: str | None = None) -> int:
        return await self.delete_any(run_ids, **present(user_id=user_id))
