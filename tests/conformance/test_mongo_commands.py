"""What MongoDB promises beside the concepts: commands, transactions, steps, health."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from agno.run.agent import RunOutput
from agno.session import AgentSession
from mongo_database import OnMotor, emptied, mongo_database
from pymongo import AsyncMongoClient, MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from agnodb import AsyncMongoDb, MongoDb
from agnodb.errors import SchemaOutdatedError, UnsupportedOperationError
from agnodb.filters import Page
from agnodb.mongo.schema import HEAD
from agnodb.testing.conformance.knowledge import a_content
from agnodb.testing.conformance.learnings import a_learning
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.metrics import PAST
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.traces import a_span

__all__ = ["emptied", "mongo_database"]


class Sent(CommandListener):
    """The commands that a client sends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    async def by(self, call: Awaitable[Any]) -> list[str]:
        """The commands that `call` sends."""
        self.names.clear()
        await call
        return list(self.names)


class Hello:
    """The `admin` database of a server that is no replica set."""

    async def command(self, name: str) -> dict[str, Any]:
        assert name == "hello"
        return {"ok": 1.0, "isWritablePrimary": True}


class StandaloneClient(AsyncMongoClient[dict[str, Any]]):
    """A client of such a server."""

    admin = Hello()  # type: ignore[assignment]


class TestOnMongo(OnMotor):
    """What MongoDB promises beside the concepts."""

    async def commands(self, db: Any, call: Awaitable[Any]) -> int:
        before = db.statements_run
        await call
        return int(db.statements_run - before)

    async def test_steady_calls_are_one_command(self, db: Any) -> None:
        session = await db.sessions.upsert(a_session())
        run = a_run("r")
        await db.runs.upsert(run)
        session.session_data = {"turn": 1}
        assert await self.commands(db, db.sessions.upsert(session)) == 1
        assert await self.commands(db, db.runs.save(run)) == 1
        assert await self.commands(db, db.runs.upsert(run)) == 2  # it is asked for what is stored
        assert await self.commands(db, db.sessions.get("s")) == 1
        assert await self.commands(db, db.sessions.page(Page(limit=5))) == 1
        assert await self.commands(db, db.spans.create_many([a_span(f"p{n}") for n in range(100)])) == 2

    async def test_steady_calls_send_one_command(self, mongodb_server: str, emptied: str) -> None:
        sent = Sent()
        async with AsyncMongoClient[dict[str, Any]](mongodb_server, event_listeners=[sent]) as client:
            db: Any = AsyncMongoDb(db_client=client, db_name=emptied)
            session = await db.sessions.upsert(a_session())
            run = a_run("r")
            assert await sent.by(db.runs.save(run)) == ["update", "aggregate", "update", "insert"]
            session.session_data = {"turn": 1}
            assert await sent.by(db.sessions.upsert(session)) == ["update"]
            assert await sent.by(db.runs.save(run)) == ["update"]
            assert await sent.by(db.sessions.get("s")) == ["find"]
            assert await sent.by(db.sessions.page(Page(limit=5))) == ["aggregate"]
            spans = [a_span(f"p{n}") for n in range(100)]
            assert await sent.by(db.spans.create_many(spans)) == ["insert", "insert"]

    async def test_what_the_writer_knows_of_is_one_command(self, db: Any) -> None:
        for owner in (None, "alice"):
            new = a_memory(f"of {owner}", user_id=owner, created_at=None)
            assert await self.commands(db, db.memories.upsert(new)) == 1
            stored = await db.memories.get(new.memory_id)
            stored.memory = "changed"
            assert await self.commands(db, db.memories.upsert(stored)) == 1
            assert (await db.memories.get(new.memory_id)).memory == "changed"
            other = replace(stored, created_at=7, memory="of one who has not read it")
            assert await self.commands(db, db.memories.upsert(other)) == 2
            assert await db.memories.get(new.memory_id) == replace(other, created_at=stored.created_at)
        for _ in range(2):
            assert await self.commands(db, db.learnings.upsert(a_learning("l", created_at=None))) == 1
            assert await self.commands(db, db.knowledge.upsert(a_content("k"))) == 1

    async def test_a_new_run_is_four_commands_at_most(self, db: Any) -> None:
        await db.sessions.upsert(a_session(user_id="alice"))
        for owner in (None, "alice"):
            assert await self.commands(db, db.runs.upsert(a_run(f"of {owner}", user_id=owner))) == 4
        assert await self.commands(db, db.runs.save(a_run("of None", user_id="alice"))) == 3
        assert await self.commands(db, db.runs.append_if_absent(a_run("absent"))) == 3

    async def test_there_are_no_savepoints(self, db: Any) -> None:
        with pytest.raises(UnsupportedOperationError):
            async with db.transaction() as tx, tx.savepoint():
                pass

    async def test_a_standalone_server_has_no_transactions(self, mongodb_server: str, emptied: str) -> None:
        async with StandaloneClient(mongodb_server) as client:
            db: Any = AsyncMongoDb(db_client=client, db_name=emptied)
            await db.sessions.upsert(a_session())
            await db.runs.upsert(a_run("r"))
            with pytest.raises(UnsupportedOperationError, match="replica set"):
                async with db.transaction() as tx:
                    await tx.sessions.upsert(a_session("other"))
            assert await db.sessions.get("other") is None
            assert await db.sessions.delete("s")  # the runs first, each document by itself
            assert (await db.sessions.get("s"), await db.runs.get("r")) == (None, None)

    async def test_a_block_that_fails_undoes_its_transaction(self, db: Any) -> None:
        with pytest.raises(UnsupportedOperationError, match="undone"):
            async with db.transaction() as tx:
                await tx.sessions.upsert(a_session())
                with contextlib.suppress(LookupError):
                    async with tx.transaction() as part:
                        await part.memories.upsert(a_memory())
                        raise LookupError
        assert await db.sessions.get("s") is None
        async with db.transaction() as tx, tx.transaction() as part:
            await part.sessions.upsert(a_session())
        assert await db.sessions.get("s") is not None

    async def test_metrics_see_what_no_time_tells_of(self, db: Any) -> None:
        await db.sessions.upsert(a_session(user_id="alice", created_at=PAST))
        deep: Any = {}
        for _ in range(200):
            deep = {"in": deep}
        document = {"metrics": {"total_tokens": 7}, "deep": deep}
        await db.runs.upsert(a_run("r", user_id="alice", created_at=PAST, run_data=document))
        assert [row["token_metrics"]["total_tokens"] for row in await db.calculate_metrics()] == [7]
        assert await db.sessions.reassign_owner("s", previous_user_id="alice", user_id="bob")
        assert sorted(row["user_id"] for row in await db.calculate_metrics()) == ["alice", "bob"]
        assert await db.calculate_metrics() is None

    async def test_what_is_over_16_mb_is_refused(self, db: Any) -> None:
        with pytest.raises(ValueError, match="16 MB"):
            await db.sessions.upsert(a_session(session_data={"text": "x" * 17_000_000}))
        assert await db.sessions.get("s") is None

    async def test_a_session_and_a_run_of_9_mb_each_are_read(self, db: Any) -> None:
        await db.upsert_session(AgentSession("s", agent_id="a", session_data={"text": "x" * 9_000_000}))
        assert (await db.get_session("s")).runs == []
        for number in range(2):  # each is read by one who knows of those before it
            await db.upsert_run(RunOutput(run_id=f"r{number}", agent_id="a", content="y" * 9_000_000), "s")
            for _ in range(2):
                runs = (await db.get_session("s")).runs
                assert [(run.run_id, len(run.content)) for run in runs] == [
                    (f"r{n}", 9_000_000) for n in range(number + 1)
                ]

    async def test_health(self, db: Any, make_db: Any, mongodb_server: str) -> None:
        await db.sessions.get("s")
        told = await db.health()
        assert (told.ok, told.at_head, told.revision, told.pool_size) == (True, True, HEAD, 100)
        assert told.latency_ms > 0
        assert told.server_version
        with MongoDb(db_url=mongodb_server, db_name="agnodb_test_empty") as blocking:
            empty = blocking.health()
        assert (empty.ok, empty.at_head, empty.revision) == (True, False, None)
        down = AsyncMongoDb(db_url="mongodb://u:s3cr3t@127.0.0.1:1/?serverSelectionTimeoutMS=50")
        told = await down.health()
        assert (told.ok, told.error) == (False, "UnavailableError")
        assert "127.0.0.1" not in str(told.to_dict())
        await down.close()

    async def test_an_older_step_is_told_and_mended_by_one_command(self, mongodb_server: str, emptied: str) -> None:
        with MongoClient[dict[str, Any]](mongodb_server) as client:
            client[emptied]["agnodb_version"].update_many({}, {"$set": {"revision": "m001"}})
        with MongoDb(db_url=mongodb_server, db_name=emptied) as database:
            with pytest.raises(SchemaOutdatedError, match="agnodb upgrade --schema"):
                database.sessions.get("s")
            database.create_tables()
            assert database.sessions.get("s") is None
            assert database.health().revision == HEAD
