"""agno's RunOutput, TeamRunOutput and WorkflowRunOutput as records, and back."""

from __future__ import annotations

from typing import Any

from agno.db.utils import build_single_run_row, deserialize_history_run, deserialize_run
from agno.run.status_persist import RunPersistOutcome

from agnodb.errors import InvalidValueError
from agnodb.records.runs import RunRecord


class RunObjects:
    """The run part of `agnodb.contracts.objects.Objects`."""

    shares_runs = True

    def run_record(self, run: Any, session_id: str, user_id: str | None) -> RunRecord:
        try:
            row = build_single_run_row(run=run, session_id=session_id, user_id=user_id)
        except (ValueError, AttributeError) as error:
            raise InvalidValueError("A run with an id is needed.", detail=str(error)) from error
        return RunRecord(**row)

    def run(self, record: RunRecord) -> Any:
        return deserialize_run(record.run_type, record.run_data)

    def history_run(self, document: Any) -> Any:
        return deserialize_history_run(document)

    def run_document(self, run: Any) -> Any:
        return run if isinstance(run, dict) else run.to_dict()

    def run_outcome(self, name: str) -> RunPersistOutcome:
        return RunPersistOutcome(name)
