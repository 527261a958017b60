"""On MongoDB every command that reads or changes looks its documents up in an index: `explain` says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from mongo_database import emptied, mongo_database
from pymongo import AsyncMongoClient, MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from agnodb import AsyncMongoDb
from agnodb.filters import LISTINGS, Page
from agnodb.records.runs import KnownRuns
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session

__all__ = ["emptied", "mongo_database"]

SCAN = "COLLSCAN"
# What the lists call it, where that is not the name of the field.
FILTERS: dict[tuple[str, str], dict[str, Any]] = {
    **{("sessions", f"{kind}_id"): {"component_id": "x", "session_type": kind} for kind in ("agent", "team")},
    ("sessions", "workflow_id"): {"component_id": "x", "session_type": "workflow"},
    ("memories", "topics"): {"topics": ["x"]},
    ("eval_runs", "eval_type"): {"eval_types": ["x"]},
}


class Sent(CommandListener):
    """The commands that a client sends."""

    def __init__(self) -> None:
        self.commands: list[Mapping[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.commands.append(event.command)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def conditions(command: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The collections that a command looks into, and the conditions on their documents."""
    name = next(iter(command))
    if name in ("find", "findAndModify", "distinct", "count"):
        yield command[name], command.get("filter") or command.get("query") or {}
    elif name in ("update", "delete"):
        for change in command.get(f"{name}s", ()):
            yield command[name], change["q"]
    elif name == "aggregate":
        yield from matches(command[name], command["pipeline"])


def matches(collection: str, pipeline: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "$match" in pipeline[0]:
        yield collection, pipeline[0]["$match"]
    for stage in pipeline:
        for joined in (stage.get("$lookup"), stage.get("$unionWith")):
            if joined is not None and "pipeline" in joined:
                yield from matches(joined.get("from") or joined["coll"], joined["pipeline"])


def parts(condition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield dict(condition)
    for name, value in condition.items():
        if name == "$and":
            for part in value:
                yield from parts(part)
        elif isinstance(value, Mapping) and "$all" in value:
            yield from ({name: item} for item in value["$all"])
        else:
            yield {name: value}


def scans(database: Any, collection: str, condition: Mapping[str, Any]) -> bool:
    """Whether all documents are looked at. The server of the tests takes an index for one condition alone, where
    MongoDB takes the one that serves a part of them: so each part is asked for too."""
    plans = (database.command("explain", {"find": collection, "filter": part}) for part in parts(condition))
    return all(SCAN in str(plan["queryPlanner"]["winningPlan"]) for plan in plans)


@pytest.mark.parametrize("concept", LISTINGS)
async def test_every_filter_has_an_index(concept: str, mongodb_server: str, emptied: str) -> None:
    sent, listing = Sent(), LISTINGS[concept]
    async with AsyncMongoClient[dict[str, Any]](mongodb_server, event_listeners=[sent]) as client:
        required = {"schedule_id": "x"} if concept == "schedule_runs" else {}
        repository: Any = getattr(AsyncMongoDb(db_client=client, db_name=emptied), concept)
        with MongoClient[dict[str, Any]](mongodb_server) as other:
            for field in listing.filters:
                sent.commands.clear()
                given = FILTERS.get((concept, field), {field: True if field == "enabled" else "x"})
                if field == "name" and concept == "schedules":
                    await repository.get_by_name("x", user_id=None)
                else:
                    await repository.page(Page(limit=5), **{**required, **given})
                for collection, condition in conditions(sent.commands[-1]):
                    assert not scans(other[emptied], collection, condition), f"{field}: {condition}"


async def test_a_turn_scans_nothing(mongodb_server: str, emptied: str) -> None:
    sent = Sent()
    async with AsyncMongoClient[dict[str, Any]](mongodb_server, event_listeners=[sent]) as client:
        db: Any = AsyncMongoDb(db_client=client, db_name=emptied)
        await db.sessions.get("s")
        sent.commands.clear()
        await db.sessions.upsert(a_session(user_id="alice"))
        for _ in range(2):
            await db.runs.upsert(a_run("r", user_id="alice"))
            await db.memories.upsert(a_memory())
        await db.sessions.upsert(a_session(user_id="alice", session_data={"n": 1}))
        await db.sessions.get_with_runs("s", KnownRuns())
        await db.runs.history("s", 3)
        await db.runs.of_session("s")
        await db.schedules.claim_due("worker")
        await db.sessions.delete("s")
    with MongoClient[dict[str, Any]](mongodb_server) as other:
        looked = [found for command in sent.commands for found in conditions(command)]
        assert len(looked) > 15
        for collection, condition in looked:
            assert not scans(other[emptied], collection, condition), f"{collection}: {condition}"
