"""When a run was last written, on MySQL

A column that the database keeps by itself, whoever writes. PostgreSQL tells versions of rows, SQLite needs none.
"""

from __future__ import annotations

from agnodb.migrations.operations import SchemaOperations, dated

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade(schema: SchemaOperations) -> None:
    schema.add_column("runs", dated("agnodb_written_at"))


def downgrade(schema: SchemaOperations) -> None:
    if schema.dates_writes:
        schema.drop_column("runs", "agnodb_written_at")
