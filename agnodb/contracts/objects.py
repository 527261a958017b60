"""Between the objects that the flat methods take and give, and records.

With agno installed these are agno's objects, without it the records themselves (or their dictionaries).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.knowledge import KnowledgeRecord
from agnodb.records.memories import MemoryRecord
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.records.spans import SpanRecord
from agnodb.records.traces import TraceRecord, TraceRow


class Objects(Protocol):
    """`x_record` makes a record of an object, `x` an object of a record."""

    def session_record(self, session: Any) -> SessionRecord:
        """The row of a session; its runs are not part of it."""
        ...

    def session(self, record: SessionRecord, runs: Sequence[Any] | None, session_type: Any = None) -> Any:
        """A session with `runs` (documents or objects; None stays None), of `session_type`, else of the stored type."""
        ...

    shares_runs: bool
    """Whether the runs of a session may be shared between reads: whoever changes one copies it first."""

    def session_runs(self, session: Any) -> list[Any] | None:
        """The run objects that a session carries in memory."""
        ...

    def run_record(self, run: Any, session_id: str, user_id: str | None) -> RunRecord:
        """The row of a run. Raises InvalidValueError for a run without an id."""
        ...

    def run(self, record: RunRecord) -> Any:
        """A run."""
        ...

    def history_run(self, document: Any) -> Any:
        """A run of an agent's session, which may be shared between reads; None for one that no session shows."""
        ...

    def run_document(self, run: Any) -> Any:
        """A run object as the document that its row holds."""
        ...

    def run_outcome(self, name: str) -> Any:
        """How a status change of a run ended: 'updated', 'missing', 'stale_attempt' or 'terminal_refused'."""
        ...

    def memory_record(self, memory: Any) -> MemoryRecord:
        """The row of a memory; a memory without an id gets one."""
        ...

    def memory(self, record: MemoryRecord) -> Any:
        """A memory."""
        ...

    def knowledge_record(self, content: Any) -> KnowledgeRecord:
        """The row of a knowledge content."""
        ...

    def knowledge(self, record: KnowledgeRecord) -> Any:
        """A knowledge content."""
        ...

    def eval_run_record(self, eval_run: Any) -> EvalRunRecord:
        """The row of an evaluation run."""
        ...

    def eval_run(self, record: EvalRunRecord) -> Any:
        """An evaluation run."""
        ...

    def trace_record(self, trace: Any) -> TraceRow:
        """The row of a trace. Raises InvalidValueError for what is no trace."""
        ...

    def trace(self, record: TraceRecord) -> Any:
        """A trace."""
        ...

    def span_record(self, span: Any) -> SpanRecord:
        """The row of a span. Raises InvalidValueError for what is no span."""
        ...

    def span(self, record: SpanRecord) -> Any:
        """A span."""
        ...
