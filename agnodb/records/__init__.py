"""Typed values of every concept: what repositories take and return. They import nothing outward."""

from agnodb.records.approvals import ApprovalRecord
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.knowledge import KnowledgeRecord
from agnodb.records.learnings import LearningRecord
from agnodb.records.memories import MemoryRecord, UserMemories
from agnodb.records.metrics import MetricRecord
from agnodb.records.runs import RunRecord
from agnodb.records.schedule_runs import ScheduleRunRecord
from agnodb.records.schedules import ScheduleRecord
from agnodb.records.schema_versions import SchemaVersionRecord
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.spans import SpanRecord
from agnodb.records.traces import TraceRecord

__all__ = [
    "ApprovalRecord",
    "EvalRunRecord",
    "KnowledgeRecord",
    "LearningRecord",
    "MemoryRecord",
    "MetricRecord",
    "RunRecord",
    "ScheduleRecord",
    "ScheduleRunRecord",
    "SchemaVersionRecord",
    "SessionRecord",
    "SessionType",
    "SpanRecord",
    "TraceRecord",
    "UserMemories",
]
