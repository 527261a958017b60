"""agno's objects as records and back, all concepts together."""

from __future__ import annotations

from agnodb.agno.eval_runs import EvalRunObjects
from agnodb.agno.knowledge import KnowledgeObjects
from agnodb.agno.memories import MemoryObjects
from agnodb.agno.runs import RunObjects
from agnodb.agno.sessions import SessionObjects
from agnodb.agno.spans import SpanObjects
from agnodb.agno.traces import TraceObjects


class AgnoObjects(
    SessionObjects, RunObjects, MemoryObjects, KnowledgeObjects, EvalRunObjects, TraceObjects, SpanObjects
):
    """See `agnodb.contracts.objects.Objects`."""
