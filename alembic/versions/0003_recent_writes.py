"""What a session's row remembers of its last saves

A column that agno's writes leave NULL.
"""

from __future__ import annotations

from agnodb.migrations.operations import AnyLength, SchemaOperations, optional

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade(schema: SchemaOperations) -> None:
    for field in optional(AnyLength, "agnodb_recent_writes"):
        schema.add_column("sessions", field)


def downgrade(schema: SchemaOperations) -> None:
    schema.drop_column("sessions", "agnodb_recent_writes")
