"""What can be seen of a MongoDB database: its server, its collections, and what is in them."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime
from typing import Any

from agnodb.awaiting import settled
from agnodb.config import Layout
from agnodb.diagnosis.connecting import ROUND_TRIPS, milliseconds
from agnodb.diagnosis.contents import TableContents
from agnodb.diagnosis.facts import Facts, Latency, MongoFacts, SchemaFacts, SchemaState
from agnodb.filters import LISTINGS
from agnodb.models.base import Tables
from agnodb.mongo import schema
from agnodb.mongo.failures import translate

_NO_RIGHT = 13


async def read_facts(database: Any, tables: Tables, layout: Layout) -> Facts:
    """All that is to be seen, over a client that has not connected yet. Raises what the driver raises."""
    began = time.perf_counter()
    hello = await settled(database.command("hello"))
    connected, taken = milliseconds(began), []
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        await settled(database.command("ping"))
        taken.append(milliseconds(began))
    latency = Latency(connect_ms=connected, round_trip_ms=round(statistics.median(taken), 3))
    return Facts(
        server=await _read_server(database, hello), schema=await _schema(database, tables, layout), latency=latency
    )


async def _read_server(database: Any, hello: Any) -> MongoFacts:
    version = (await settled(database.command("buildInfo")))["version"]
    known = (await settled(database.command("connectionStatus")))["authInfo"]["authenticatedUsers"]
    told = await _connections(database)
    cluster = hello.get("msg") == "isdbgrid"
    return MongoFacts(
        version=version,
        users=tuple(f"{user['user']}@{user['db']}" for user in known),
        deployment="sharded cluster" if cluster else "replica set" if "setName" in hello else "standalone",
        writable=bool(hello.get("isWritablePrimary", hello.get("ismaster"))),
        connections=told.get("current"),
        max_connections=told["current"] + told["available"] if told.get("available") else None,
    )


async def _connections(database: Any) -> dict[str, int]:
    try:
        return dict((await settled(database.client.admin.command("serverStatus")))["connections"])
    except Exception as error:
        made = translate(error)
        if made.facts.get("code") != _NO_RIGHT:
            raise made from error
        return {}


async def _schema(database: Any, tables: Tables, layout: Layout) -> SchemaFacts:
    there = set(await settled(database.list_collection_names()))
    at, state, found = await schema.current(database, layout), SchemaState.CURRENT, list[str]()
    if at is None:
        theirs = any(getattr(tables, concept).name in there for concept in LISTINGS)
        state = SchemaState.AGNO if theirs else SchemaState.NONE
    elif at != schema.HEAD:
        state = SchemaState.NEWER if at > schema.HEAD else SchemaState.BEHIND
    elif found := await schema.differences(database, tables, layout):
        state = SchemaState.DRIFTED
    return SchemaFacts(state=state, revision=at, differences=tuple(found), head=schema.HEAD, of="collections")


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
