"""The tables' agno versions in SQL."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Executable

from agnodb.records.schema_versions import SchemaVersionRecord
from agnodb.sql.repository import SqlRepository


class SqlSchemaVersionRepository(SqlRepository[SchemaVersionRecord]):
    """See `agnodb.contracts.schema_versions.SchemaVersionRepository`."""

    concept = "schema_versions"
    record = SchemaVersionRecord
    idempotent = frozenset({"set"})

    async def get(self, table_name: str) -> str | None:
        stored = await self.find(table_name=table_name)
        return None if stored is None else stored.version

    async def set(self, table_name: str, version: str) -> None:
        now = datetime.now(UTC).isoformat()
        record = SchemaVersionRecord(table_name=table_name, version=version, created_at=now, updated_at=now)
        await self.run("set", self._set, self.rows.parameters(self.rows.values(record)))

    def _set(self) -> Executable:
        values = self.rows.binds(c.name for c in self.rows.columns)
        update = {name: values[name] for name in ("version", "updated_at")}
        return self.dialect.upsert(self.table, values, ["table_name"], update)
