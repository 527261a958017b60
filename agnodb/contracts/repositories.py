"""All repositories of a database."""

from __future__ import annotations

from typing import Protocol

from agnodb.contracts.approvals import ApprovalRepository
from agnodb.contracts.eval_runs import EvalRunRepository
from agnodb.contracts.knowledge import KnowledgeRepository
from agnodb.contracts.learnings import LearningRepository
from agnodb.contracts.memories import MemoryRepository
from agnodb.contracts.metrics import MetricRepository
from agnodb.contracts.runs import RunRepository
from agnodb.contracts.schedule_runs import ScheduleRunRepository
from agnodb.contracts.schedules import ScheduleRepository
from agnodb.contracts.schema_versions import SchemaVersionRepository
from agnodb.contracts.sessions import SessionRepository
from agnodb.contracts.spans import SpanRepository
from agnodb.contracts.traces import TraceRepository


class Repositories(Protocol):
    """One attribute for each concept: what `db` and `db.transaction()` give."""

    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def runs(self) -> RunRepository: ...
    @property
    def memories(self) -> MemoryRepository: ...
    @property
    def knowledge(self) -> KnowledgeRepository: ...
    @property
    def eval_runs(self) -> EvalRunRepository: ...
    @property
    def schema_versions(self) -> SchemaVersionRepository: ...
    @property
    def approvals(self) -> ApprovalRepository: ...
    @property
    def schedules(self) -> ScheduleRepository: ...
    @property
    def schedule_runs(self) -> ScheduleRunRepository: ...
    @property
    def traces(self) -> TraceRepository: ...
    @property
    def spans(self) -> SpanRepository: ...
    @property
    def learnings(self) -> LearningRepository: ...
    @property
    def metrics(self) -> MetricRepository: ...
