"""A turn on a store of documents reads what changed, and gives what a reading of everything gives, whoever writes."""

from __future__ import annotations

import random
from collections.abc import Awaitable
from typing import Any

import pytest
from agno.run.agent import RunOutput
from agno.session import AgentSession

from agnodb import AsyncInMemoryDb
from agnodb.documents.stores.memory import MemoryStore


class Watched(MemoryStore):
    """Notes the runs that are read, and the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str] = []
        self.requests = 0

    async def get(self, addresses: Any) -> Any:
        self.requests += 1
        found = await super().get(addresses)
        self.runs += [d.key for (name, _), d in zip(addresses, found, strict=True) if d and name == "agno_runs"]
        return found

    async def find(self, query: Any, **how: Any) -> Any:
        self.requests += 1
        found = await super().find(query, **how)
        self.runs += [document.key for document in found if query.collection == "agno_runs"]
        return found

    async def by(self, call: Awaitable[Any]) -> tuple[int, int]:
        """The requests of a call, and the runs that it reads."""
        self.requests, self.runs = 0, []
        await call
        return self.requests, len(self.runs)


def a_run(number: int, text: str) -> RunOutput:
    return RunOutput(run_id=f"r{number}", session_id="s", agent_id="a", user_id="u", content=text, created_at=number)


def shown(session: Any) -> Any:
    return None if session is None else [(run.run_id, run.content) for run in session.runs]


@pytest.mark.parametrize("runs", [5, 500])
async def test_a_steady_read_reads_no_run(runs: int) -> None:
    store = Watched()
    db, other = AsyncInMemoryDb(store), AsyncInMemoryDb(store)
    await db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
    for number in range(runs):
        await db.upsert_run(a_run(number, "first"), "s", "u")
    steady = (1, 0) if runs == 5 else (2, 0)  # what is known of many is not sent along with the first request
    assert await store.by(db.get_session("s")) == (2, runs)
    assert await store.by(db.get_session("s", user_id="u")) == steady
    await other.upsert_run(a_run(1, "again"), "s", "u")
    await other.upsert_run(a_run(runs, "new"), "s", "u")
    assert await store.by(db.get_session("s")) == (steady[0] + 1, 2)
    assert await store.by(db.get_session("s")) == steady
    assert shown(await db.get_session("s")) == shown(await AsyncInMemoryDb(store).get_session("s"))
    await other.delete_run("r2")
    assert shown(await db.get_session("s")) == shown(await AsyncInMemoryDb(store).get_session("s"))
    assert await store.by(db.get_session("s")) == steady
    assert await db.get_session("s", user_id="bob") is None


@pytest.mark.parametrize("seed", range(6))
async def test_a_cached_read_is_an_uncached_one(seed: int) -> None:
    chance, store = random.Random(seed), MemoryStore()
    cached, plain = AsyncInMemoryDb(store), AsyncInMemoryDb(store, run_cache_mb=0)
    writers = [cached, AsyncInMemoryDb(store)]
    most = 10 if seed % 2 else 90
    await cached.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
    for step in range(150):
        db, number = chance.choice(writers), chance.randrange(most)
        kind = chance.choice(("save", "save", "save", "delete", "session", "all" if step % 40 == 0 else "save"))
        if kind == "save":
            await db.upsert_run(a_run(number, f"text {step}"), "s", "u")
        elif kind == "delete":
            await db.delete_run(f"r{number}")
        elif kind == "session":
            await db.upsert_session(await db.get_session("s", user_id="u"))
        else:
            await db.delete_session("s")
            await db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        if chance.random() < 0.5:
            assert shown(await cached.get_session("s")) == shown(await plain.get_session("s")), step
