"""All flat methods."""

from __future__ import annotations

from agnodb.databases.methods.approvals import ApprovalMethods
from agnodb.databases.methods.eval_runs import EvalRunMethods
from agnodb.databases.methods.knowledge import KnowledgeMethods
from agnodb.databases.methods.learnings import LearningMethods
from agnodb.databases.methods.memories import MemoryMethods
from agnodb.databases.methods.metrics import MetricMethods
from agnodb.databases.methods.runs import RunMethods
from agnodb.databases.methods.schedule_runs import ScheduleRunMethods
from agnodb.databases.methods.schedules import ScheduleMethods
from agnodb.databases.methods.schema_versions import SchemaVersionMethods
from agnodb.databases.methods.sessions import SessionMethods
from agnodb.databases.methods.spans import SpanMethods
from agnodb.databases.methods.traces import TraceMethods


class AllMethods(
    SessionMethods,
    RunMethods,
    MemoryMethods,
    KnowledgeMethods,
    EvalRunMethods,
    TraceMethods,
    SpanMethods,
    ApprovalMethods,
    ScheduleMethods,
    ScheduleRunMethods,
    LearningMethods,
    MetricMethods,
    SchemaVersionMethods,
):
    """agno's database interface for the tables that agnodb keeps."""
