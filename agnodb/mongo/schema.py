"""The collections, their indexes, and which step they are at.

Steps are numbered and only make what is missing, so each may be run twice and by several processes at once, and takes
over collections that agno's own adapter made. The row of a set of collections in `agnodb_version` tells the last one.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Index, Table, UniqueConstraint

from agnodb import clock
from agnodb.awaiting import settled
from agnodb.config import Layout
from agnodb.errors import DuplicateKeyError, SchemaOutdatedError, UnavailableError
from agnodb.filters import LISTINGS
from agnodb.models.base import Tables
from agnodb.mongo.collections import METRIC_DAYS, VERSIONS
from agnodb.mongo.failures import translate
from agnodb.mongo.recent_runs import ANY_VERSION, VERSION
from agnodb.records.schema_versions import AGNO_SCHEMA_VERSION

_LOCK_SECONDS = 60
_AGNOS_NAMES: dict[tuple[str, ...], str] = {("user_id", "name"): "uq_user_name"}

Keys = tuple[tuple[str, ...], bool]
"""The fields of an index, and whether it is unique."""


def indexes(concept: str, table: Table) -> list[Keys]:
    """What serves each filter and each sort: the indexes of the model, and one for each field of the listing."""
    listing = LISTINGS[concept]
    found: dict[tuple[str, ...], bool] = {(listing.key,): True}
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            found[tuple(column.name for column in constraint.columns)] = True
    for index in table.indexes:
        if all(isinstance(part, Column) for part in index.expressions):
            keys = tuple(part.name for part in index.expressions if isinstance(part, Column))
            found[keys] = found.get(keys, False) or _is_unique(index)
    if concept == "schedules":
        found["user_id", "name"] = True  # no owner is one owner here
    if concept == "runs":
        found["session_id", "run_index", VERSION] = False  # it covers what tells known runs from others
    for name in (*listing.filters, *listing.ranges, *listing.sorts):
        found.setdefault((name,), False)
    # One that begins with the fields of another serves for it.
    longer = {keys[:length] for keys in found for length in range(1, len(keys))}
    return [(keys, unique) for keys, unique in found.items() if unique or keys not in longer]


def _is_unique(index: Index) -> bool:
    # Partial ones are for NULL, which to MongoDB is a value like any other.
    return bool(index.unique) and not any(name.endswith("_where") for name in index.dialect_kwargs)


async def _make_indexes(database: Any, tables: Tables, _layout: Layout) -> None:
    for concept in LISTINGS:
        table: Table = getattr(tables, concept)
        for keys, unique in indexes(concept, table):
            name = _AGNOS_NAMES.get(keys) if concept == "schedules" else None
            options = {"name": name} if name else {}
            await settled(database[table.name].create_index([(key, 1) for key in keys], unique=unique, **options))


async def _stamp(database: Any, tables: Tables, _layout: Layout) -> None:
    now = datetime.now(UTC).isoformat()
    versions = tables.schema_versions.name
    for concept in LISTINGS:
        name = getattr(tables, concept).name
        first = {"version": AGNO_SCHEMA_VERSION, "created_at": now, "updated_at": now}
        await settled(database[versions].update_one({"table_name": name}, {"$setOnInsert": first}, upsert=True))


async def _keep_days(database: Any, _tables: Tables, _layout: Layout) -> None:
    await settled(database[METRIC_DAYS].create_index([("set", 1), ("day", 1)], unique=True))


async def _give_versions(database: Any, tables: Tables, layout: Layout) -> None:
    await _make_indexes(database, tables, layout)
    update = [{"$set": {VERSION: ANY_VERSION}}]
    await settled(database[tables.runs.name].update_many({VERSION: None}, update))


STEPS: tuple[tuple[str, Callable[[Any, Tables, Layout], Awaitable[None]]], ...] = (
    ("m001", _make_indexes),
    ("m002", _stamp),
    ("m003", _keep_days),
    ("m004", _give_versions),
)
HEAD = STEPS[-1][0]


async def current(database: Any, layout: Layout) -> str | None:
    """The last step of this set of collections, or None."""
    found = await settled(database[VERSIONS].find_one({"_id": layout.key}))
    return None if found is None else str(found["revision"])


@contextlib.asynccontextmanager
async def _locked(database: Any, layout: Layout) -> AsyncIterator[None]:
    """One at a time: a document that its owner deletes, and that counts for a minute.

    Raises UnavailableError, to be asked again, while another has it. Who takes longer than that does no harm: each step
    makes only what is missing.
    """
    lock, owner, now = {"_id": f"lock of {layout.key}"}, uuid.uuid4().hex, clock.now()
    free, taken = {**lock, "until": {"$lt": now}}, {"$set": {"owner": owner, "until": now + _LOCK_SECONDS}}
    try:
        await settled(database[VERSIONS].update_one(free, taken, upsert=True))
    except Exception as error:
        if isinstance(made := translate(error), DuplicateKeyError):
            raise UnavailableError(detail="another process makes the collections", refused=True) from None
        raise made from error
    try:
        yield
    finally:
        await settled(database[VERSIONS].delete_one({**lock, "owner": owner}))


async def upgrade(database: Any, tables: Tables, layout: Layout, *, again: bool = False) -> list[str]:
    """Do all steps that are left, or `again` every one, which makes what is missing; their names. Each is recorded
    when it is done.

    Raises UnavailableError while another process does.
    """
    if not again and (at := await current(database, layout)) is not None and at >= HEAD:
        return []
    async with _locked(database, layout):
        at, done = await current(database, layout), []
        for name, step in STEPS:
            if again or at is None or name > at:
                await step(database, tables, layout)
                done.append(name)
                # Those of a first boot count when all are done: nobody takes half of it for an older schema.
                if at is not None or name == HEAD:
                    update = {"$max": {"revision": name}}
                    await settled(database[VERSIONS].update_one({"_id": layout.key}, update, upsert=True))
    return done


async def differences(database: Any, tables: Tables, layout: Layout) -> list[str]:
    """What is not as it should be, a line each: the step, and indexes that are missing."""
    at = await current(database, layout)
    found = [] if at is not None and at >= HEAD else [f"at {at or 'nothing'}, head is {HEAD}"]
    for concept in LISTINGS:
        table: Table = getattr(tables, concept)
        there = {
            tuple(key for key, _ in index["key"]): bool(index.get("unique"))
            for index in (await settled(database[table.name].index_information())).values()
        }
        for keys, unique in indexes(concept, table):
            if keys not in there:
                found.append(f"{table.name}: no index on {', '.join(keys)}")
            elif unique and not there[keys]:
                found.append(f"{table.name}: the index on {', '.join(keys)} is not unique")
    return found


async def ensure(database: Any, tables: Tables, layout: Layout, *, create: bool, command: str) -> None:
    """What a server does at its first call: make the collections where there are none yet.

    Raises SchemaOutdatedError, with the `command` to run, where they are at an older step.
    """
    at = await current(database, layout)
    if at is not None and at >= HEAD:
        return
    if at is None and create:
        await upgrade(database, tables, layout)
        return
    raise SchemaOutdatedError(command=command, detail=f"at {at or 'nothing'}, head is {HEAD}")


async def has_collection(database: Any, name: str) -> bool:
    """Whether there is a collection of that name."""
    return name in await settled(database.list_collection_names())
