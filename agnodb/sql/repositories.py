"""All repositories of one SQL database, over one executor: the database's own, or a transaction's."""

from __future__ import annotations

from agnodb.sql.approvals import SqlApprovalRepository
from agnodb.sql.eval_runs import SqlEvalRunRepository
from agnodb.sql.executor import Executor
from agnodb.sql.knowledge import SqlKnowledgeRepository
from agnodb.sql.learnings import SqlLearningRepository
from agnodb.sql.memories import SqlMemoryRepository
from agnodb.sql.metrics import SqlMetricRepository
from agnodb.sql.repository import Statements
from agnodb.sql.runs import SqlRunRepository
from agnodb.sql.schedule_runs import SqlScheduleRunRepository
from agnodb.sql.schedules import SqlScheduleRepository
from agnodb.sql.schema_versions import SqlSchemaVersionRepository
from agnodb.sql.sessions import SqlSessionRepository
from agnodb.sql.spans import SqlSpanRepository
from agnodb.sql.traces import SqlTraceRepository


class SqlRepositories:
    """One attribute for each concept. What is done through them is one unit when `executor` is a transaction."""

    def __init__(self, executor: Executor, statements: Statements) -> None:
        self.sessions = SqlSessionRepository(executor, statements)
        self.runs = SqlRunRepository(executor, statements)
        self.memories = SqlMemoryRepository(executor, statements)
        self.knowledge = SqlKnowledgeRepository(executor, statements)
        self.eval_runs = SqlEvalRunRepository(executor, statements)
        self.schema_versions = SqlSchemaVersionRepository(executor, statements)
        self.approvals = SqlApprovalRepository(executor, statements)
        self.schedules = SqlScheduleRepository(executor, statements)
        self.schedule_runs = SqlScheduleRunRepository(executor, statements)
        self.traces = SqlTraceRepository(executor, statements)
        self.spans = SqlSpanRepository(executor, statements)
        self.learnings = SqlLearningRepository(executor, statements)
        self.metrics = SqlMetricRepository(executor, statements)
