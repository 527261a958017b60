"""All repositories of one document store, over one executor."""

from __future__ import annotations

from agnodb.documents.approvals import DocumentApprovalRepository
from agnodb.documents.eval_runs import DocumentEvalRunRepository
from agnodb.documents.executor import Executor
from agnodb.documents.knowledge import DocumentKnowledgeRepository
from agnodb.documents.learnings import DocumentLearningRepository
from agnodb.documents.memories import DocumentMemoryRepository
from agnodb.documents.metrics import DocumentMetricRepository
from agnodb.documents.repository import Collections
from agnodb.documents.runs import DocumentRunRepository
from agnodb.documents.schedule_runs import DocumentScheduleRunRepository
from agnodb.documents.schedules import DocumentScheduleRepository
from agnodb.documents.schema_versions import DocumentSchemaVersionRepository
from agnodb.documents.sessions import DocumentSessionRepository
from agnodb.documents.spans import DocumentSpanRepository
from agnodb.documents.traces import DocumentTraceRepository


class DocumentRepositories:
    """One attribute for each concept."""

    def __init__(self, executor: Executor, collections: Collections) -> None:
        self.sessions = DocumentSessionRepository(executor, collections)
        self.runs = DocumentRunRepository(executor, collections)
        self.memories = DocumentMemoryRepository(executor, collections)
        self.knowledge = DocumentKnowledgeRepository(executor, collections)
        self.eval_runs = DocumentEvalRunRepository(executor, collections)
        self.schema_versions = DocumentSchemaVersionRepository(executor, collections)
        self.approvals = DocumentApprovalRepository(executor, collections)
        self.schedules = DocumentScheduleRepository(executor, collections)
        self.schedule_runs = DocumentScheduleRunRepository(executor, collections)
        self.traces = DocumentTraceRepository(executor, collections)
        self.spans = DocumentSpanRepository(executor, collections)
        self.learnings = DocumentLearningRepository(executor, collections)
        self.metrics = DocumentMetricRepository(executor, collections)
