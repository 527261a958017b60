"""Evaluation runs in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agnodb import clock
from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page, present
from agnodb.mongo.documents import texts
from agnodb.mongo.ownership import may_write
from agnodb.mongo.repository import MongoRepository
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.sessions import SessionType


class MongoEvalRunRepository(MongoRepository[EvalRunRecord]):
    """See `agnodb.contracts.eval_runs.EvalRunRepository`."""

    concept = "eval_runs"
    record = EvalRunRecord

    async def create(self, eval_run: EvalRunRecord) -> None:
        created_at = clock.now() if eval_run.created_at is None else eval_run.created_at
        updated_at = created_at if eval_run.updated_at is None else eval_run.updated_at
        await self.insert(replace(eval_run, created_at=created_at, updated_at=updated_at))

    async def get(self, run_id: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        return await self.find(run_id=run_id, **present(user_id=user_id))

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
        match = {"$and": [self.fields.encode(filters)]}
        if eval_types:
            match["$and"].append({"eval_type": {"$in": texts(eval_types)}})
        if component is not None:
            if component not in list(SessionType):
                raise InvalidValueError("A component is an agent, a team or a workflow.", detail=component)
            match["$and"].append({f"{component}_id": {"$ne": None}})
        return await self.paged(page, match)

    async def rename(self, run_id: str, name: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        changes = {"name": name, "updated_at": clock.now()}
        return await self.change(changes, **present(run_id=run_id, user_id=user_id))

    async def claim(self, run_id: str, user_id: str) -> bool:
        mine = self.fields.encode({"run_id": run_id, "user_id": user_id})
        if mine["user_id"] is None:  # it may write any run, and makes nobody its owner
            return await self.find(run_id=run_id) is not None
        match = {"run_id": mine["run_id"], **may_write(mine["user_id"])}
        done = await self.call("claim", "update_one", match, {"$set": {"user_id": mine["user_id"]}})
        if done.matched_count:
            return True
        if await self.find(run_id=run_id) is None:
            return False
        raise OwnershipError(run_id=run_id, user_id=user_id)

    async def delete(self, run_id: str) -> bool:
        return await self.delete_any([run_id]) > 0

    async def delete_many(self, run_ids: Iterable[str], *, user_id: str | None = None) -> int:
        return await self.delete_any(run_ids, **present(user_id=user_id))
