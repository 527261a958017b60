"""The collections' agno versions in a document store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from agnodb.documents.repository import DocumentRepository
from agnodb.records.schema_versions import SchemaVersionRecord


class DocumentSchemaVersionRepository(DocumentRepository[SchemaVersionRecord]):
    """See `agnodb.contracts.schema_versions.SchemaVersionRepository`."""

    concept = "schema_versions"
    record = SchemaVersionRecord

    async def get(self, table_name: str) -> str | None:
        stored = await self.one(table_name)
        return None if stored is None else stored.version

    async def set(self, table_name: str, version: str) -> None:
        now = datetime.now(UTC).isoformat()

        def changed(stored: SchemaVersionRecord | None) -> SchemaVersionRecord:
            if stored is None:
                return SchemaVersionRecord(table_name=table_name, version=version, created_at=now, updated_at=now)
            return replace(stored, version=version, updated_at=now)

        await self.compare_and_set(table_name, changed)
