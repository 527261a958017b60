"""On MongoDB a turn reads only the runs that changed, whoever changed them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from agno.db.mongo import AsyncMongoDb as AgnosDb
from agno.run.agent import RunOutput
from agno.session import AgentSession
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from agnodb import AsyncMongoDb

RUNS = 30


class Answers(CommandListener):
    """The commands that a client sends, and the runs that come back with what they hold."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.read = 0

    def started(self, event: CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        rows = event.reply.get("cursor", {}).get("firstBatch", [])
        runs = [run for row in rows for run in row.get("agnodb_recent", [row])]
        self.read += sum("run_data" in run for run in runs)

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def a_run(number: int, text: str) -> RunOutput:
    return RunOutput(run_id=f"r{number}", session_id="s", agent_id="a", user_id="u", content=text, created_at=number)


@pytest_asyncio.fixture
async def both(mongodb_server: str) -> AsyncIterator[tuple[Any, Any, Answers]]:
    """Ours and agno's own on one database, and what ours sends."""
    name, sent = f"agnodb_test_{uuid.uuid4().hex[:12]}", Answers()
    async with (
        AsyncMongoClient[dict[str, Any]](mongodb_server, event_listeners=[sent]) as client,
        AsyncMongoClient[dict[str, Any]](mongodb_server) as other,
    ):
        yield AsyncMongoDb(db_client=client, db_name=name), AgnosDb(db_client=other, db_name=name), sent
        await client.drop_database(name)


async def turn(db: Any, sent: Answers) -> tuple[list[str], list[str], int]:
    """What the runs of the session say, the commands that it took, and the runs that were read."""
    sent.names, sent.read = [], 0
    session = await db.get_session("s")
    return [run.content for run in session.runs], sent.names, sent.read


async def test_a_steady_turn_is_one_command_that_reads_no_known_run(both: tuple[Any, Any, Answers]) -> None:
    ours, theirs, sent = both
    await ours.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
    said = [f"text {number}" for number in range(RUNS)]
    for number, text in enumerate(said):
        await ours.upsert_run(a_run(number, text), "s", "u")
    assert (await turn(ours, sent))[0] == said
    assert await turn(ours, sent) == (said, ["aggregate"], 0)
    for writer in (ours, theirs):
        said[-1] = f"again by {type(writer).__name__}"
        await writer.upsert_run(a_run(RUNS - 1, said[-1]), "s", "u")
        assert await turn(ours, sent) == (said, ["aggregate"], 1)
    for writer in (ours, theirs):
        said[3] = f"changed by {type(writer).__name__}"
        await writer.upsert_run(a_run(3, said[3]), "s", "u")
        found, commands, read = await turn(ours, sent)
        assert (found, len(commands)) == (said, 4)
        assert read <= 3
        await ours.upsert_run(a_run(RUNS - 1, said[-1]), "s", "u")
        await ours.upsert_run(a_run(3, said[3]), "s", "u")
        await turn(ours, sent)
        assert await turn(ours, sent) == (said, ["aggregate"], 0)
    await ours.delete_run("r5")
    del said[5]
    assert (await turn(ours, sent))[0] == said
    assert await turn(ours, sent) == (said, ["aggregate"], 0)
