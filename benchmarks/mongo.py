"""agnodb's AsyncMongoDb beside agno's own, on one server: `python benchmarks/mongo.py [mongodb://...]`.

Both use PyMongo's asynchronous client, which is agno's choice; without a URL the server is that of the tests, whose own
speed is most of what is measured then.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

from agno.db.base import SessionType
from agno.db.mongo import AsyncMongoDb as AgnosDb
from agno.db.schemas.memory import UserMemory
from agno.run.agent import RunOutput
from agno.session import AgentSession
from pymongo import AsyncMongoClient

from agnodb import AsyncMongoDb
from agnodb.testing.mongo_server import MongoServer

CALLERS, CALLS = 16, 10


def a_session(number: int) -> AgentSession:
    return AgentSession(session_id=f"s{number}", agent_id="a", user_id="u", session_data={"n": number}, created_at=5)


async def measured(db: Any) -> dict[str, float]:
    """Call -> calls a second, of all callers together."""
    sessions = [await db.upsert_session(a_session(number)) for number in range(CALLERS)]
    runs = [RunOutput(run_id=f"r{number}", session_id=f"s{number}", agent_id="a") for number in range(CALLERS)]
    for number, run in enumerate(runs):
        await db.upsert_run(run, session_id=f"s{number}", user_id="u")
    calls: dict[str, Callable[[int], Awaitable[Any]]] = {
        "upsert_session": lambda n: db.upsert_session(sessions[n]),
        "get_session": lambda n: db.get_session(f"s{n}", session_type=SessionType.AGENT, user_id="u"),
        "upsert_run (again)": lambda n: db.upsert_run(runs[n], session_id=f"s{n}", user_id="u"),
        "upsert_user_memory": lambda n: db.upsert_user_memory(UserMemory(memory="tea", memory_id=f"m{n}", user_id="u")),
        "get_sessions": lambda n: db.get_sessions(session_type=SessionType.AGENT, user_id="u", limit=5),
    }
    rates = {}
    for name, call in calls.items():

        async def caller(number: int, call: Callable[[int], Awaitable[Any]] = call) -> None:
            for _ in range(CALLS):
                await call(number)

        await asyncio.gather(*map(call, range(CALLERS)))
        began = time.perf_counter()
        await asyncio.gather(*map(caller, range(CALLERS)))
        rates[name] = CALLERS * CALLS / (time.perf_counter() - began)
    return rates


async def main(url: str) -> None:
    """Print calls a second of both."""
    async with AsyncMongoClient[dict[str, Any]](url) as client:
        rates = {}
        for kind in (AgnosDb, AsyncMongoDb):
            name = f"agnodb_bench_{uuid.uuid4().hex[:8]}"
            rates[kind] = await measured(kind(db_client=client, db_name=name))
            await client.drop_database(name)
    print(f"{CALLERS} callers, calls a second    agno  agnodb")
    for call, rate in rates[AgnosDb].items():
        ours = rates[AsyncMongoDb][call]
        print(f"{call:28} {rate:8.0f} {ours:7.0f}  {ours / rate:.1f}x")


if __name__ == "__main__":
    with ExitStack() as stack:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(MongoServer.start()).url))
