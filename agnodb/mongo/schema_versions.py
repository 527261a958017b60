"""The collections' agno versions in MongoDB."""

from __future__ import annotations

from datetime import UTC, datetime

from agnodb.mongo.repository import MongoRepository
from agnodb.records.schema_versions import SchemaVersionRecord


class MongoSchemaVersionRepository(MongoRepository[SchemaVersionRecord]):
    """See `agnodb.contracts.schema_versions.SchemaVersionRepository`."""

    concept = "schema_versions"
    record = SchemaVersionRecord
    idempotent = frozenset({"set"})

    async def get(self, table_name: str) -> str | None:
        stored = await self.one(table_name)
        return None if stored is None else stored.version

    async def set(self, table_name: str, version: str) -> None:
        now = datetime.now(UTC).isoformat()
        given = self.fields.encode({"table_name": table_name, "version": version, "created_at": now, "updated_at": now})
        first = {"created_at": given.pop("created_at")}
        await self.put("set", {"table_name": given["table_name"]}, given, first, upsert=True)
