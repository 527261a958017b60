"""agno's schema version methods, which its MigrationManager asks."""

from __future__ import annotations

from agnodb.databases.methods.base import Methods
from agnodb.records.schema_versions import AGNO_SCHEMA_VERSION


class SchemaVersionMethods(Methods):
    """Which agno version's shape each table has."""

    async def get_latest_schema_version(self, table_name: str) -> str:
        """The stored version of the table. Of a table that is not kept here, the latest that agnodb knows:
        there is nothing for agno to migrate."""
        return await self.repositories.schema_versions.get(table_name) or AGNO_SCHEMA_VERSION

    async def upsert_schema_version(self, table_name: str, version: str) -> None:
        """Store the version of the table."""
        await self.repositories.schema_versions.set(table_name, version)
