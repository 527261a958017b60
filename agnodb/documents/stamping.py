"""Makes the collections, and notes for agno whose shape they have."""

from __future__ import annotations

from agnodb.documents.executor import Executor
from agnodb.documents.repositories import DocumentRepositories
from agnodb.filters import LISTINGS
from agnodb.records.schema_versions import AGNO_SCHEMA_VERSION


async def make_collections(repositories: DocumentRepositories, executor: Executor) -> None:
    """Make what is missing. May be called again, by several processes at once."""
    collections = repositories.sessions.collections
    await executor.prepare(collections.indexes())
    for concept in LISTINGS:
        name = collections.name(concept)
        if await repositories.schema_versions.get(name) is None:
            await repositories.schema_versions.set(name, AGNO_SCHEMA_VERSION)
