"""All repositories of one Mongo database, over one executor: the database's own, or a transaction's."""

from __future__ import annotations

from agnodb.mongo.approvals import MongoApprovalRepository
from agnodb.mongo.collections import Collections
from agnodb.mongo.eval_runs import MongoEvalRunRepository
from agnodb.mongo.executor import Executor
from agnodb.mongo.knowledge import MongoKnowledgeRepository
from agnodb.mongo.learnings import MongoLearningRepository
from agnodb.mongo.memories import MongoMemoryRepository
from agnodb.mongo.metrics import MongoMetricRepository
from agnodb.mongo.runs import MongoRunRepository
from agnodb.mongo.schedule_runs import MongoScheduleRunRepository
from agnodb.mongo.schedules import MongoScheduleRepository
from agnodb.mongo.schema_versions import MongoSchemaVersionRepository
from agnodb.mongo.sessions import MongoSessionRepository
from agnodb.mongo.spans import MongoSpanRepository
from agnodb.mongo.traces import MongoTraceRepository


class MongoRepositories:
    """One attribute for each concept. What is done through them is one unit when `executor` is a transaction."""

    def __init__(self, executor: Executor, collections: Collections) -> None:
        self.sessions = MongoSessionRepository(executor, collections)
        self.runs = MongoRunRepository(executor, collections)
        self.memories = MongoMemoryRepository(executor, collections)
        self.knowledge = MongoKnowledgeRepository(executor, collections)
        self.eval_runs = MongoEvalRunRepository(executor, collections)
        self.schema_versions = MongoSchemaVersionRepository(executor, collections)
        self.approvals = MongoApprovalRepository(executor, collections)
        self.schedules = MongoScheduleRepository(executor, collections)
        self.schedule_runs = MongoScheduleRunRepository(executor, collections)
        self.traces = MongoTraceRepository(executor, collections)
        self.spans = MongoSpanRepository(executor, collections)
        self.learnings = MongoLearningRepository(executor, collections)
        self.metrics = MongoMetricRepository(executor, collections)
