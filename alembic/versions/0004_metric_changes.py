"""Which sessions and runs changed since they were counted

Three tables of ours, and triggers that note what is written and deleted, whoever does so (not on MySQL). The rows that
are there are counted by the first refresh of the metrics.
"""

from __future__ import annotations

from sqlalchemy import BigInteger

from agnodb.migrations.operations import AnyLength, Field, LongKey, SchemaOperations, optional, required, serial

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade(schema: SchemaOperations) -> None:
    schema.create_table("metric_changes", [serial("id"), *required(AnyLength, "row_key")])
    key = Field("row_key", LongKey, nullable=False, primary_key=True)
    day = required(BigInteger, "day")
    written = optional(BigInteger, "written")
    schema.create_table("metric_counts", [key, *day, *written, *required(AnyLength, "counted")])
    schema.create_table("metric_totals", [key, *day, *required(AnyLength, "totals")])
    schema.note_changes("runs", "run_id", into="metric_changes", prefix="run ")
    # A session is saved at every turn, and changes its count almost never.
    counted = ("session_type", "user_id", "created_at")
    schema.note_changes("sessions", "session_id", into="metric_changes", prefix="session ", only=counted)
    schema.note("metric_changes", "all")


def downgrade(schema: SchemaOperations) -> None:
    for concept in ("sessions", "runs"):
        schema.drop_notes(concept, into="metric_changes")
    for concept in ("metric_totals", "metric_counts", "metric_changes"):
        schema.drop_table(concept)
