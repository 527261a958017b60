"""An evaluation run: the result of one evaluation of an agent, team or workflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agnodb.records.base import Record


@dataclass(slots=True, kw_only=True)
class EvalRunRecord(Record):
    """One row of agno_eval_runs. Times are epoch seconds."""

    run_id: str
    eval_type: str
    eval_data: Any
    eval_input: Any = None
    name: str | None = None
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    model_id: str | None = None
    model_provider: str | None = None
    evaluated_component_name: str | None = None
    user_id: str | None = None
    created_at: int | None = None
    updated_at: int | None = None
