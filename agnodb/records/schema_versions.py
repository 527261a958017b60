"""The agno version whose shape a table has."""

from __future__ import annotations

from dataclasses import dataclass

from agnodb.records.base import Record

AGNO_SCHEMA_VERSION = "3.0.0"
"""The shape that our tables have: the latest of agno 3.1.10's MigrationManager."""


@dataclass(slots=True, kw_only=True)
class SchemaVersionRecord(Record):
    """One row of agno_schema_versions. Times are ISO 8601 text."""

    table_name: str
    version: str
    created_at: str
    updated_at: str | None = None
