"""What agno's learning stores could not read they do not overwrite: with agno's own agents, in an outage of the reads.

Each store swallows the failed read and goes on as if nothing were stored. The writes would succeed.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents import helper
from agno.learn import LearningMachine
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.run.base import RunStatus
from places import Place
from sqlalchemy import event

from agnodb import WriteFailure
from agnodb.demo.model import OfflineModel
from agnodb.errors import StaleVersionError

sys.path.append(str(Path(__file__).parents[1] / "sync"))

from sync_places import SyncPlace

ALICE = {"session_id": "s", "user_id": "alice"}
LEARNED = "agno_learnings"
FIRST = {
    "update_profile": {"name": "Alice", "preferred_name": "Ali"},
    "add_memory": {"memory": "Likes tea"},
    "save_session_context": {"summary": "Six weeks of work"},
    "remember_about": {"entity": "Acme", "entity_type": "company", "facts": ["Founded in 1947"]},
}
LATER = {
    "update_profile": {"name": "Alicia"},
    "add_memory": {"memory": "Likes coffee"},
    "save_session_context": {"summary": "Nothing happened yet"},
    "remember_about": {"entity": "acme", "entity_type": "company", "facts": ["Sells anvils"]},
}
IDS = {
    "user_profile_alice": "Alicia",
    "memories_alice": "Likes coffee",
    "session_context_s": "Nothing happened yet",
    "entity_global_company_acme": "Sells anvils",
}


@dataclass
class Eager(OfflineModel):
    """Calls every tool of `calls` that it is offered, once after each message of a user."""

    calls: dict[str, dict[str, Any]] = field(default_factory=dict)

    def _chunks(self, messages: Any, response_format: Any, tools: Any) -> list[ModelResponse]:
        offered = [tool["function"]["name"] for tool in tools or ()]
        wanted = [name for name in self.calls if name in offered]
        if not wanted or messages[-1].role == "tool":
            return super()._chunks(messages, response_format, None)
        calls = [
            {"id": name, "type": "function", "function": {"name": name, "arguments": json.dumps(self.calls[name])}}
            for name in wanted
        ]
        return [ModelResponse(role="assistant", tool_calls=calls)]


def learner(db: Any, calls: dict[str, dict[str, Any]]) -> Any:
    """An agent that learns after each run, in the background, and has tools to remember entities with."""
    machine = LearningMachine(user_profile=True, user_memory=True, session_context=True, entity_memory=True)
    return helper(db, model=Eager(calls=calls), learning=machine)


@contextlib.contextmanager
def lookups_fail(db: Any) -> Iterator[list[str]]:
    """While the block runs, learnings cannot be looked up, but they can be searched and saved."""
    failed = []

    def refuse(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if f"{LEARNED}.learning_id" in statement and "ORDER BY" in statement and "LIKE" not in statement:
            failed.append(statement)
            raise ConnectionResetError("the connection was reset")

    engine = getattr(db, "_core", db).engine
    event.listen(engine, "before_cursor_execute", refuse)
    yield failed
    event.remove(engine, "before_cursor_execute", refuse)


def stored(place: Place) -> dict[str, str]:
    """id -> content of every learning."""
    return {row["learning_id"]: str(row["content"]) for row in place.rows(LEARNED)}


def _refused(failures: list[WriteFailure]) -> set[str]:
    assert {(f.method, type(f.error)) for f in failures} == {("upsert_learning", StaleVersionError)}
    return {f.arguments["id"] for f in failures}


async def test_an_agent_that_could_not_read_what_it_learned_overwrites_nothing(place: Place) -> None:
    failures: list[WriteFailure] = []
    async with place.ours(on_write_failed=failures.append, retry_timeout=0) as db:
        await learner(db, FIRST).arun("I am alice", **ALICE)
        before = place.bytes_of(LEARNED)
        assert {*stored(place)} == {*IDS}
        with lookups_fail(db) as failed:
            answer = await learner(db, LATER).arun("I am alicia", **ALICE)
        assert answer.status is RunStatus.completed
        assert len(failed) >= len(IDS)
        assert place.bytes_of(LEARNED) == before
        assert _refused(failures) == {*IDS}
        await learner(db, LATER).arun("I am alicia", **ALICE)
        after = stored(place)
        assert all(new in after[learned] for learned, new in IDS.items())
        assert "Ali" in after["user_profile_alice"]
        assert "Likes tea" in after["memories_alice"]


def test_nor_does_one_without_an_event_loop(place: Place) -> None:
    """Here the learning runs in a thread of the agent's, the tools in that of the caller."""
    failures: list[WriteFailure] = []
    with SyncPlace(place.kind, place.url).ours(on_write_failed=failures.append, retry_timeout=0) as db:
        learner(db, FIRST).run("I am alice", **ALICE)
        before = place.bytes_of(LEARNED)
        assert {*stored(place)} == {*IDS}
        agent = learner(db, LATER)
        with lookups_fail(db):
            assert agent.run("I am alicia", **ALICE).status is RunStatus.completed
        assert place.bytes_of(LEARNED) == before
        assert _refused(failures) == {*IDS}
        agent.run("I am alicia", **ALICE)
        assert all(new in stored(place)[learned] for learned, new in IDS.items())


async def test_the_stores_themselves(place: Place) -> None:
    """As an application uses them; what was read again, or never stored, can be saved."""
    async with place.ours(retry_timeout=0) as db:
        machine = LearningMachine(db=db, model=OfflineModel(), user_profile=True, user_memory=True)
        profiles, memories = machine.stores["user_profile"], machine.stores["user_memory"]
        await memories.aadd_memory("alice", "Likes tea")
        before = place.bytes_of(LEARNED)
        with lookups_fail(db):
            assert await memories.aget("alice") is None
            await memories.aadd_memory("alice", "Likes coffee")
            assert place.bytes_of(LEARNED) == before
            assert await profiles.aget("alice") is None
            await profiles.asave("alice", profiles.schema(user_id="alice", name="Alice"))
        assert "Alice" in stored(place)["user_profile_alice"]
        await memories.aadd_memory("alice", "Likes coffee")
        assert [m["content"] for m in (await memories.aget("alice")).memories] == ["Likes tea", "Likes coffee"]
        await machine.aprocess([Message(role="user", content="hello")], user_id="alice")
