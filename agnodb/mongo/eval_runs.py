"""Evaluation runs in MongoDB."""

from __future__ import annotations

from collections.abc import Sequence

from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.mongo.documents import texts
from agnodb.mongo.ownership import may_write
from agnodb.mongo.repository import MongoRepository
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.rules.eval_runs import EvalRuns, component_field


class MongoEvalRunRepository(EvalRuns, MongoRepository[EvalRunRecord]):
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
        match = {"$and": [self.fields.encode(filters)]}
        if eval_types:
            match["$and"].append({"eval_type": {"$in": texts(eval_types)}})
        if component is not None:
            match["$and"].append({component_field(component): {"$ne": None}})
        return await self.paged(page, match)

    async def claim(self, run_id: str, user_id: str) -> bool:
        mine = self.fields.encode({"run_id": run_id, "user_id": user_id})
        if mine["user_id"] is None:  # it may write any run, and makes nobody its owner
            return await self.one(run_id) is not None
        match = {"run_id": mine["run_id"], **may_write(mine["user_id"])}
        done = await self.call("claim", "update_one", match, {"$set": {"user_id": mine["user_id"]}})
        if done.matched_count:
            return True
        if await self.one(run_id) is None:
            return False
        raise OwnershipError(run_id=run_id, user_id=user_id)
