"""What is in the collections of a MongoDB database: documents, bytes, oldest and newest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agnodb.awaiting import settled
from agnodb.diagnosis.contents import TableContents
from agnodb.filters import LISTINGS
from agnodb.models.base import Tables


async def read_collections(database: Any, tables: Tables) -> list[TableContents]:
    """One for each concept. The numbers of documents are those that the server keeps."""
    there = set(await settled(database.list_collection_names()))
    return [await _read(database, concept, getattr(tables, concept).name, there) for concept in LISTINGS]


async def _read(database: Any, concept: str, name: str, there: set[str]) -> TableContents:
    if name not in there:
        return TableContents(concept=concept, table=name, exists=False)
    collection = database[name]
    rows = await settled(collection.estimated_document_count())
    taken = await settled(database.command("collStats", name))
    size = taken.get("totalSize") or taken.get("size")
    oldest, newest = [await _moment(collection, way) for way in (1, -1)]
    return TableContents(
        concept=concept, table=name, rows=rows, bytes=None if size is None else int(size), oldest=oldest, newest=newest
    )


async def _moment(collection: Any, way: int) -> str | None:
    told = {"created_at": {"$ne": None}}
    found = await settled(collection.find_one(told, {"created_at": 1}, sort=[("created_at", way)]))
    if found is None:
        return None
    value = found["created_at"]
    if isinstance(value, str):
        return value
    try:
        return datetime.fromtimestamp(value, UTC).isoformat()
    except (OverflowError, ValueError, OSError):  # no date of the calendar
        return None
