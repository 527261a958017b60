"""The tables of agno 3.1

Tables, columns, types, keys and indexes are those that agno 3.1.10 makes in an empty database. Tables that
agno made itself are taken as they are.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Date, String

from agnodb.migrations.operations import (
    AnyLength,
    Epoch,
    Field,
    Json,
    LongText,
    SchemaOperations,
    Word,
    key,
    optional,
    required,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What agno's MigrationManager calls the latest version of a schema.
AGNO_SCHEMA_VERSION = "3.0.0"

# Parents before children.
TABLES: dict[str, list[Field]] = {
    "sessions": [
        key("session_id"),
        *required(String, "session_type"),
        *optional(String, "agent_id", "team_id", "workflow_id", "user_id"),
        *optional(Json, "session_data", "agent_data", "team_data", "workflow_data", "metadata", "summary"),
        *required(Epoch, "created_at"),
        *optional(Epoch, "updated_at"),
    ],
    "runs": [
        key("run_id"),
        *required(String, "session_id", "run_type"),
        *optional(String, "agent_id", "team_id", "workflow_id", "user_id", "parent_run_id", "status"),
        *optional(BigInteger, "run_index"),
        *required(Json, "run_data"),
        *required(Epoch, "created_at"),
        *optional(Epoch, "updated_at"),
    ],
    "memories": [
        key("memory_id"),
        *required(Json, "memory"),
        *optional(LongText, "feedback", "input"),
        *optional(String, "agent_id", "team_id", "user_id"),
        *optional(Json, "topics"),
        *required(Epoch, "created_at"),
        *optional(Epoch, "updated_at"),
    ],
    "metrics": [
        key("id"),
        *required(BigInteger, "agent_runs_count", "team_runs_count", "workflow_runs_count"),
        *required(
            BigInteger,
            "agent_sessions_count",
            "team_sessions_count",
            "workflow_sessions_count",
            "users_count",
        ),
        *required(Json, "token_metrics", "model_metrics"),
        *required(Date, "date"),
        *required(Word, "aggregation_period"),
        *required(String, "user_id"),
        *required(Epoch, "created_at"),
        *optional(Epoch, "updated_at"),
        *required(Boolean, "completed"),
    ],
    "eval_runs": [
        key("run_id"),
        *required(String, "eval_type"),
        *required(Json, "eval_data", "eval_input"),
        *optional(String, "name", "agent_id", "team_id", "workflow_id", "model_id", "model_provider"),
        *optional(String, "evaluated_component_name", "user_id"),
        *required(Epoch, "created_at"),
        *optional(Epoch, "updated_at"),
    ],
    "knowledge": [
        key("id"),
        *required(String, "name"),
        *required(LongText, "description"),
        *optional(Json, "metadata"),
        *optional(String, "type"),
        *optional(BigInteger, "size"),
        *optional(String, "linked_to"),
        *optional(BigInteger, "access_count"),
        *optional(String, "status"),
        *optional(LongText, "status_message"),
        *optional(Epoch, "created_at", "updated_at"),
        *optional(String, "external_id", "user_id"),
    ],
    "traces": [
        key("trace_id"),
        *required(String, "name", "status", "start_time", "end_time"),
        *required(BigInteger, "duration_ms"),
        *optional(String, "run_id", "session_id", "user_id", "agent_id", "team_id", "workflow_id"),
        *required(String, "created_at"),
    ],
    "spans": [
        key("span_id"),
        *required(String, "trace_id"),
        *optional(String, "parent_span_id"),
        *required(String, "name", "span_kind", "status_code"),
        *optional(LongText, "status_message"),
        *required(String, "start_time", "end_time"),
        *required(BigInteger, "duration_ms"),
        *optional(Json, "attributes"),
        *required(String, "created_at"),
    ],
    "schema_versions": [
        key("table_name"),
        *required(String, "version", "created_at"),
        *optional(String, "updated_at"),
    ],
    "learnings": [
        key("learning_id"),
        *required(String, "learning_type"),
        *optional(String, "namespace", "user_id", "agent_id", "team_id", "workflow_id", "session_id"),
        *optional(String, "entity_id", "entity_type"),
        *required(Json, "content"),
        *optional(Json, "metadata"),
        *required(Epoch, "created_at"),
        *optional(Epoch, "updated_at"),
    ],
    "schedules": [
        key("id"),
        *required(String, "name"),
        *optional(LongText, "description"),
        *required(String, "method"),
        *required(AnyLength, "endpoint"),
        *optional(Json, "payload"),
        *required(String, "cron_expr", "timezone"),
        *required(BigInteger, "timeout_seconds", "max_retries", "retry_delay_seconds"),
        *required(Boolean, "enabled"),
        *optional(Epoch, "next_run_at"),
        *optional(String, "locked_by"),
        *optional(Epoch, "locked_at"),
        *optional(String, "user_id", "managed_by", "target_type", "target_id", "created_by_run_id"),
        *optional(String, "created_by_session_id", "updated_by_run_id", "updated_by_session_id", "disabled_reason"),
        *required(Epoch, "created_at"),
        *optional(Epoch, "updated_at"),
    ],
    "schedule_runs": [
        key("id"),
        *required(String, "schedule_id"),
        *required(BigInteger, "attempt"),
        *optional(Epoch, "triggered_at", "completed_at"),
        *required(String, "status"),
        *optional(BigInteger, "status_code"),
        *optional(String, "run_id", "session_id"),
        *optional(LongText, "error"),
        *optional(Json, "input", "output", "requirements"),
        *optional(String, "user_id"),
        *required(Epoch, "created_at"),
    ],
    "approvals": [
        key("id"),
        *required(String, "run_id", "session_id", "status", "source_type"),
        *optional(String, "approval_type"),
        *required(String, "pause_type"),
        *optional(String, "tool_name"),
        *optional(Json, "tool_args"),
        *optional(Epoch, "expires_at"),
        *optional(String, "agent_id", "team_id", "workflow_id", "user_id", "schedule_id", "schedule_run_id"),
        *optional(String, "source_name"),
        *optional(Json, "requirements", "context", "resolution_data"),
        *optional(String, "resolved_by"),
        *optional(Epoch, "resolved_at"),
        *required(Epoch, "created_at"),
        *optional(Epoch, "updated_at"),
        *optional(String, "run_status"),
    ],
}

# The columns that have an index of their own.
INDEXED = {
    "sessions": ("session_type", "created_at"),
    "runs": (
        "session_id", "run_type", "agent_id", "team_id", "workflow_id", "user_id", "status", "created_at",
    ),
    "memories": ("user_id", "created_at", "updated_at"),
    "metrics": ("date", "aggregation_period", "user_id"),
    "eval_runs": ("user_id", "created_at"),
    "knowledge": ("user_id",),
    "traces": (
        "status", "start_time", "run_id", "session_id", "user_id", "agent_id", "team_id", "workflow_id",
        "created_at",
    ),
    "spans": ("trace_id", "parent_span_id", "start_time", "created_at"),
    "schema_versions": ("created_at",),
    "learnings": (
        "learning_type", "namespace", "user_id", "agent_id", "team_id", "workflow_id", "session_id",
        "entity_id", "entity_type", "created_at",
    ),
    "schedules": ("name", "next_run_at", "user_id", "managed_by", "target_id", "created_at"),
    "schedule_runs": ("schedule_id", "status", "user_id", "created_at"),
    "approvals": (
        "run_id", "session_id", "status", "source_type", "approval_type", "pause_type", "agent_id", "team_id",
        "workflow_id", "user_id", "schedule_id", "schedule_run_id", "created_at", "run_status",
    ),
}  # fmt: skip


def upgrade(schema: SchemaOperations) -> None:
    # Until agno 3.0 a session row held its runs; their table is empty while they are there.
    schema.refuse_older_shape(AGNO_SCHEMA_VERSION, TABLES, legacy={"sessions": "runs"})
    constraints = {
        "runs": [schema.reference("session_id", "sessions", "session_id", ondelete="CASCADE")],
        "spans": [schema.reference("trace_id", "traces", "trace_id")],
        "schedule_runs": [schema.reference("schedule_id", "schedules", "id", ondelete="CASCADE")],
        "metrics": [
            schema.unique("metrics", "{table}_uq_metrics_user_date_period", "user_id", "date", "aggregation_period")
        ],
    }
    for concept, fields in TABLES.items():
        schema.create_table(concept, fields, *constraints.get(concept, ()))
    for concept, names in INDEXED.items():
        for name in names:
            schema.create_index(concept, name)
    schema.create_index("runs", "session_id", "run_index")
    schema.create_index("knowledge", "user_id", "linked_to")
    schema.create_index("schedules", "enabled", "next_run_at")
    schema.create_index("schedules", "user_id", "enabled", "next_run_at")
    # A schedule's name is taken once per owner; NULLs are distinct, so no owner has an index of its own.
    schema.create_index(
        "schedules", "user_id", "name", name="{table}_uq_user_name", unique=True, where="user_id IS NOT NULL"
    )
    schema.create_index("schedules", "name", name="{table}_uq_unowned_name", unique=True, where="user_id IS NULL")
    schema.stamp_tables(AGNO_SCHEMA_VERSION)


def downgrade(schema: SchemaOperations) -> None:
    for concept in reversed(TABLES):
        schema.drop_table(concept)
