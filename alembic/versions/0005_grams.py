"""Indexes for searches of learnings and memories

An expression index on PostgreSQL, tables of FTS5 and triggers on SQLite, nothing on MySQL. No row is rewritten.
"""

from __future__ import annotations

from agnodb.migrations.operations import SchemaOperations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade(schema: SchemaOperations) -> None:
    schema.create_grams("learnings", "learning_id", "content")
    schema.create_grams("memories", "memory_id", "memory", unquoted=True)


def downgrade(schema: SchemaOperations) -> None:
    for concept in ("learnings", "memories"):
        schema.drop_grams(concept)
