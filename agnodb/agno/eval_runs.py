"""agno's EvalRunRecord as a record, and back."""

from __future__ import annotations

from typing import Any

from agno.db.schemas.evals import EvalRunRecord as AgnoEvalRun

from agnodb.errors import InvalidValueError
from agnodb.records.eval_runs import EvalRunRecord


class EvalRunObjects:
    """The evaluation part of `agnodb.contracts.objects.Objects`."""

    def eval_run_record(self, eval_run: Any) -> EvalRunRecord:
        if not isinstance(eval_run, AgnoEvalRun):
            raise InvalidValueError("An evaluation run is needed.", detail=repr(type(eval_run)))
        return EvalRunRecord(**eval_run.model_dump())

    def eval_run(self, record: EvalRunRecord) -> AgnoEvalRun:
        return AgnoEvalRun.model_validate(record.to_dict())
