"""The statements that stand for one on MySQL travel together: what a call costs in round trips."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from agnodb import AsyncMySQLDb
from agnodb.errors import OwnershipError
from agnodb.executors.on_driver import ON_DRIVER
from agnodb.records.memories import MemoryRecord
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.testing.mariadb import MySQLAccess

TEA = MemoryRecord(memory_id="m", memory="tea", user_id="alice")


@pytest.fixture
def database(mysql_server: MySQLAccess) -> Iterator[str]:
    name = mysql_server.create_database(f"agnodb_test_{uuid.uuid4().hex[:12]}")
    yield name
    mysql_server.drop_database(name)


@pytest.fixture
async def db(mysql_server: MySQLAccess, database: str) -> AsyncIterator[AsyncMySQLDb]:
    async with AsyncMySQLDb(db_url=mysql_server.url, db_schema=database, retry_timeout=0) as made:
        await made.create_tables()
        yield made


class Packets:
    """The packets that were sent, each as the first words of its statements."""

    def __init__(self, db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[list[str]] = []
        direct: Any = db.db_engine.sync_engine.get_execution_options()[ON_DRIVER]
        send, fetch = direct.send, direct.fetch

        def counted(connection: Any, packet: Any, last: bool) -> Any:
            self.sent.append([(text if isinstance(text, str) else text[0]).split()[0] for text in packet])
            return send(connection, packet, last)

        async def fetched(connection: Any, text: str, values: Any) -> Any:
            self.sent.append([text.split()[0]])
            return await fetch(connection, text, values)

        monkeypatch.setattr(direct, "send", counted)
        monkeypatch.setattr(direct, "fetch", fetched)

    def taken(self) -> list[list[str]]:
        sent, self.sent = self.sent, []
        return sent


async def test_a_write_is_two_round_trips(db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = Packets(db, monkeypatch)
    await db.memories.upsert(TEA)
    assert packets.taken() == [["BEGIN", "SELECT"], ["INSERT", "SELECT", "COMMIT"]]
    await db.memories.upsert(TEA)
    assert packets.taken() == [["BEGIN", "SELECT"], ["UPDATE", "SELECT", "COMMIT"]]
    await db.memories.get("m")
    assert packets.taken() == [["SELECT"]]
    await db.memories.delete("m")
    assert packets.taken() == [["BEGIN", "SELECT"], ["DELETE", "COMMIT"]]


async def test_a_new_run_too(db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch) -> None:
    await db.sessions.upsert(SessionRecord(session_id="s", session_type="agent", agent_id="a"))
    packets = Packets(db, monkeypatch)
    run = RunRecord(run_id="r", session_id="s", run_type="agent", run_data={"content": "tea"})
    for change in ("INSERT", "UPDATE"):
        assert (await db.runs.upsert(run)).run_index == 0
        assert packets.taken() == [["BEGIN", "UPDATE", "SELECT", "SELECT"], [change, "SELECT", "COMMIT"]]


async def test_what_is_refused_ends_its_transaction(db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch) -> None:
    await db.memories.upsert(TEA)
    packets = Packets(db, monkeypatch)
    with pytest.raises(OwnershipError):
        await db.memories.upsert(MemoryRecord(memory_id="m", memory="stolen", user_id="bob"))
    assert packets.taken()[:2] == [["BEGIN", "SELECT"], ["COMMIT"]]
    found = await db.memories.get("m")
    assert found is not None
    assert found.memory == "tea"


@pytest.mark.parametrize("text", ["'); DROP TABLE x; --", "100%s %(name)s %", "\\'", "a;\nb", '"', "\x1a", "%%"])
async def test_a_value_is_never_a_part_of_the_text(db: AsyncMySQLDb, text: str) -> None:
    for _ in range(2):
        stored = await db.memories.upsert(MemoryRecord(memory_id=text, memory=text, user_id=text))
        assert (stored.memory_id, stored.memory, stored.user_id) == (text, text, text)
    assert await db.memories.delete(text)
