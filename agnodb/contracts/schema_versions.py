"""The repository of the tables' agno versions."""

from __future__ import annotations

from typing import Protocol


class SchemaVersionRepository(Protocol):
    """Which agno version's shape each table has."""

    async def get(self, table_name: str) -> str | None:
        """The version that is stored for the table, or None."""
        ...

    async def set(self, table_name: str, version: str) -> None:
        """Store the version of the table."""
        ...
