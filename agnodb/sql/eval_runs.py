"""Evaluation runs in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Executable, update

from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.rules.eval_runs import EvalRuns, component_field
from agnodb.rules.values import text_in
from agnodb.sql.ownership import keep_owner, may_write
from agnodb.sql.single_rows import SingleRows


class SqlEvalRunRepository(EvalRuns, SingleRows[EvalRunRecord]):
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
        conditions: dict[str, Callable[[], ColumnElement[bool]]] = {}
        parameters: dict[str, Any] = {}
        if eval_types:
            conditions["eval_types"] = lambda: self.dialect.any_of(self.table.c.eval_type, "eval_types")
            parameters["eval_types"] = self.dialect.texts(text_in(kind) for kind in eval_types)
        if component is not None:
            field = component_field(component)
            conditions[f"of {component}"] = lambda: self.table.c[field].is_not(None)
        filters = present(
            user_id=user_id, agent_id=agent_id, team_id=team_id, workflow_id=workflow_id, model_id=model_id
        )
        return await self.paged(page, filters, conditions=conditions, parameters=parameters)

    async def claim(self, run_id: str, user_id: str) -> bool:
        mine = self.rows.parameters({"run_id": run_id, "user_id": user_id})
        if await self.run("claim", self._claim, mine):
            return True
        if await self.find(run_id=run_id) is None:
            return False
        raise OwnershipError(run_id=run_id, user_id=user_id)

    def _claim(self) -> Executable:
        bound = self.rows.binds(("run_id", "user_id"))
        mine = (self.key == bound["run_id"], may_write(self.table, bound["user_id"]))
        owner = keep_owner(self.table, bound["user_id"])
        return update(self.table).where(*mine).values(user_id=owner).returning(self.key)
