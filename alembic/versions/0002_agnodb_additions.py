"""What agnodb adds

Columns that agno's writes leave NULL, and non-unique indexes for the filters and sorts of the lists.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, text

from agnodb.migrations.operations import SchemaOperations, optional

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = ("agnodb_row_version", "agnodb_run_counter")

INDEXES = {
    "sessions": [
        ("user_id", "created_at"),
        ("agent_id", "created_at"),
        ("team_id", "created_at"),
        ("workflow_id", "created_at"),
    ],
    "memories": [("user_id", "updated_at"), ("agent_id",), ("team_id",)],
    "eval_runs": [("agent_id",), ("team_id",), ("workflow_id",), ("model_id",), ("eval_type",)],
    "knowledge": [("linked_to", "created_at"), ("created_at",)],
    "traces": [
        ("user_id", "start_time"),
        ("session_id", "start_time"),
        ("agent_id", "start_time"),
        ("team_id", "start_time"),
        ("workflow_id", "start_time"),
        ("end_time",),
    ],
    "learnings": [("learning_type", "user_id", "updated_at")],
    "metrics": [("updated_at",)],
    "schedule_runs": [
        ("schedule_id", "created_at"),
        ("schedule_id", "completed_at"),
        ("schedule_id", "triggered_at"),
    ],
    "approvals": [("status", "created_at"), ("user_id", "created_at")],
}

# Lists are sorted by the last change; rows written elsewhere may have none.
CHANGED = ("sessions", "runs", "memories", "knowledge", "eval_runs", "learnings")


def upgrade(schema: SchemaOperations) -> None:
    for field in optional(BigInteger, *COLUMNS):
        schema.add_column("sessions", field)
    for concept, indexes in INDEXES.items():
        for columns in indexes:
            schema.create_index(concept, *columns)
    for concept in CHANGED:
        schema.create_index(concept, text("coalesce(updated_at, created_at)"), name="idx_{table}_changed")
    schema.create_index(
        "memories",
        "topics",
        only="postgresql",
        postgresql_using="gin",
        postgresql_ops={"topics": "jsonb_path_ops"},
    )


def downgrade(schema: SchemaOperations) -> None:
    schema.drop_index("memories", "topics", only="postgresql")
    for concept in CHANGED:
        schema.drop_index(concept, name="idx_{table}_changed")
    for concept, indexes in INDEXES.items():
        for columns in indexes:
            schema.drop_index(concept, *columns)
    for name in COLUMNS:
        schema.drop_column("sessions", name)
