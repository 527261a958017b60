"""The flat methods' objects where agno is not installed: the records themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agnodb.filters import present
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.knowledge import KnowledgeRecord
from agnodb.records.memories import MemoryRecord
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.records.spans import SpanRecord
from agnodb.records.traces import TraceRecord, TraceRow


class RecordObjects:
    """See `agnodb.contracts.objects.Objects`."""

    shares_runs = False

    def session_record(self, session: Any) -> SessionRecord:
        return SessionRecord.of(session)

    def session(self, record: SessionRecord, runs: Sequence[Any] | None, session_type: Any = None) -> SessionRecord:
        return record

    def session_runs(self, session: Any) -> list[Any] | None:
        return None

    def run_record(self, run: Any, session_id: str, user_id: str | None) -> RunRecord:
        return RunRecord.of(run, session_id=session_id, **present(user_id=user_id))

    def run(self, record: RunRecord) -> RunRecord:
        return record

    def history_run(self, document: Any) -> Any:
        return document

    def run_document(self, run: Any) -> Any:
        return run

    def run_outcome(self, name: str) -> str:
        return name

    def memory_record(self, memory: Any) -> MemoryRecord:
        return MemoryRecord.of(memory)

    def memory(self, record: MemoryRecord) -> MemoryRecord:
        return record

    def knowledge_record(self, content: Any) -> KnowledgeRecord:
        return KnowledgeRecord.of(content)

    def knowledge(self, record: KnowledgeRecord) -> KnowledgeRecord:
        return record

    def eval_run_record(self, eval_run: Any) -> EvalRunRecord:
        return EvalRunRecord.of(eval_run)

    def eval_run(self, record: EvalRunRecord) -> EvalRunRecord:
        return record

    def trace_record(self, trace: Any) -> TraceRow:
        return trace if isinstance(trace, TraceRow) else TraceRecord.of(trace)

    def trace(self, record: TraceRecord) -> TraceRecord:
        return record

    def span_record(self, span: Any) -> SpanRecord:
        return SpanRecord.of(span)

    def span(self, record: SpanRecord) -> SpanRecord:
        return record
