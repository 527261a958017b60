"""agno_schema_versions: the agno version whose shape each table has. agno's MigrationManager reads it."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from agnodb.models.base import Base


class SchemaVersion(Base):
    __tablename__ = "agno_schema_versions"

    table_name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    created_at: Mapped[str] = mapped_column(index=True)
    updated_at: Mapped[str | None]
