"""The flat methods' objects where agno is not installed: the records themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from agnodb.errors import InvalidValueError
from agnodb.filters import present
from agnodb.records.base import Record
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.knowledge import KnowledgeRecord
from agnodb.records.memories import MemoryRecord
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.records.spans import SpanRecord
from agnodb.records.traces import TraceRecord, TraceRow

R = TypeVar("R", bound=Record)


def record_of(kind: type[R], value: Any, **given: Any) -> R:
    """`value`, a record or a mapping of its fields, as a record of `kind`; `given` fields replace its own."""
    if isinstance(value, kind):
        return replace(value, **given)
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"A {kind.__name__} or a mapping is needed here.", detail=repr(type(value)))
    try:
        return kind(**{**value, **given})
    except TypeError as error:
        raise InvalidValueError(f"These are not the fields of a {kind.__name__}.", detail=str(error)) from error


class RecordObjects:
    """See `agnodb.contracts.objects.Objects`."""

    def session_record(self, session: Any) -> SessionRecord:
        return record_of(SessionRecord, session)

    def session(self, record: SessionRecord, runs: Sequence[Any] | None, session_type: Any = None) -> SessionRecord:
        return record

    def session_runs(self, session: Any) -> list[Any] | None:
        return None

    def run_record(self, run: Any, session_id: str, user_id: str | None) -> RunRecord:
        return record_of(RunRecord, run, session_id=session_id, **present(user_id=user_id))

    def run(self, record: RunRecord) -> RunRecord:
        return record

    def run_document(self, run: Any) -> Any:
        return run

    def run_outcome(self, name: str) -> str:
        return name

    def memory_record(self, memory: Any) -> MemoryRecord:
        return record_of(MemoryRecord, memory)

    def memory(self, record: MemoryRecord) -> MemoryRecord:
        return record

    def knowledge_record(self, content: Any) -> KnowledgeRecord:
        return record_of(KnowledgeRecord, content)

    def knowledge(self, record: KnowledgeRecord) -> KnowledgeRecord:
        return record

    def eval_run_record(self, eval_run: Any) -> EvalRunRecord:
        return record_of(EvalRunRecord, eval_run)

    def eval_run(self, record: EvalRunRecord) -> EvalRunRecord:
        return record

    def trace_record(self, trace: Any) -> TraceRow:
        return trace if isinstance(trace, TraceRow) else record_of(TraceRecord, trace)

    def trace(self, record: TraceRecord) -> TraceRecord:
        return record

    def span_record(self, span: Any) -> SpanRecord:
        return record_of(SpanRecord, span)

    def span(self, record: SpanRecord) -> SpanRecord:
        return record
