"""Declarative SQLAlchemy models of the agno_* tables: the one truth of the schema.

Tables, columns, types, keys and constraints are those that agno 3.1 makes (read from agno 3.1.10's
`agno/db/postgres/schemas.py` and `agno/db/sqlite/schemas.py`), so that a database made by either is read by the
other. What is ours is additive and cannot make a write of agno fail: columns with the prefix `agnodb_`, which are
nullable, non-unique indexes, and the tables of `agnodb.models.metric_changes`.
"""

from agnodb.models.approvals import Approval
from agnodb.models.base import Base, Tables, concepts, tables_for
from agnodb.models.eval_runs import EvalRun
from agnodb.models.knowledge import Knowledge
from agnodb.models.learnings import Learning
from agnodb.models.memories import Memory
from agnodb.models.metric_changes import MetricChange, MetricCount, MetricTotal
from agnodb.models.metrics import Metric
from agnodb.models.runs import Run
from agnodb.models.schedule_runs import ScheduleRun
from agnodb.models.schedules import Schedule
from agnodb.models.schema_versions import SchemaVersion
from agnodb.models.sessions import Session
from agnodb.models.spans import Span
from agnodb.models.traces import Trace

__all__ = [
    "Approval",
    "Base",
    "EvalRun",
    "Knowledge",
    "Learning",
    "Memory",
    "Metric",
    "MetricChange",
    "MetricCount",
    "MetricTotal",
    "Run",
    "Schedule",
    "ScheduleRun",
    "SchemaVersion",
    "Session",
    "Span",
    "Tables",
    "Trace",
    "concepts",
    "tables_for",
]
