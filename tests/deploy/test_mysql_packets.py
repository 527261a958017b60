"""The statements that stand for one on MySQL travel together: what a call costs in round trips."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pymysql.protocol import FieldDescriptorPacket
from sqlalchemy.ext.asyncio import create_async_engine

from agnodb import AsyncMySQLDb
from agnodb.errors import NotFoundError, OwnershipError
from agnodb.executors.on_driver import ON_DRIVER
from agnodb.filters import Page
from agnodb.records.memories import MemoryRecord
from agnodb.records.runs import KnownRuns, RunRecord, known_runs
from agnodb.records.sessions import SessionRecord
from agnodb.testing.mariadb import MySQLAccess

WAITING = "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
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
        self.last = ""
        """The whole of the last packet."""
        direct: Any = db.db_engine.sync_engine.get_execution_options()[ON_DRIVER]
        send, fetch = direct.send, direct.fetch

        def counted(connection: Any, packet: Any, last: bool) -> Any:
            self.sent.append([(text if isinstance(text, str) else text[0]).split()[0] for text in packet])
            self.last = ";".join(map(str, packet))
            return send(connection, packet, last)

        async def fetched(connection: Any, text: str, values: Any) -> Any:
            self.sent.append([text.split()[0]])
            return await fetch(connection, text, values)

        monkeypatch.setattr(direct, "send", counted)
        monkeypatch.setattr(direct, "fetch", fetched)

    def taken(self) -> list[list[str]]:
        sent, self.sent = self.sent, []
        return sent


WRITTEN = [["BEGIN", "INSERT", "SELECT", "COMMIT"]]
SAVED = [["BEGIN", "UPDATE", "INSERT", "SELECT", "COMMIT"]]


async def test_a_write_is_one_round_trip(db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = Packets(db, monkeypatch)
    for _ in ("new", "there"):
        await db.memories.upsert(TEA)
        assert packets.taken() == WRITTEN
    await db.memories.get("m")
    assert packets.taken() == [["SELECT"]]
    assert await db.memories.delete("m")
    assert packets.taken() == [["DELETE"]]
    assert not await db.memories.delete("m")


async def test_a_large_document_of_a_session_is_sent_once(db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch) -> None:
    packets, large = Packets(db, monkeypatch), {"tea": "x" * 200_000}
    held = SessionRecord(session_id="s", session_type="agent", agent_id="a", session_data=large)
    for change in ("INSERT", "UPDATE"):
        assert await db.sessions.upsert(held)
        assert packets.taken() == [["BEGIN", "SELECT"], [change, "SELECT", "COMMIT"]]


async def test_a_new_run_is_one_too_and_its_document_is_sent_once(
    db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.sessions.upsert(SessionRecord(session_id="s", session_type="agent", agent_id="a"))
    packets = Packets(db, monkeypatch)
    for run_id, size in (("short", 1), ("long", 200_000)):
        run = RunRecord(run_id=run_id, session_id="s", run_type="agent", run_data={"content": "tea " * size})
        for statements in (["UPDATE", "INSERT", "SELECT"], ["UPDATE", "SELECT"]):
            assert (await db.runs.upsert(run)).run_index == (size > 1)
            assert packets.taken() == [["BEGIN", *statements, "COMMIT"]]
            assert packets.last.count("content") == 1
        await db.runs.save(run)  # another statement, which knows none yet
        assert packets.taken() == [["BEGIN", "UPDATE", "INSERT", "SELECT", "COMMIT"]]
        await db.runs.save(run)
        assert packets.taken() == [["UPDATE"]]


async def test_a_run_that_was_written_lately_and_is_gone_is_written_again(
    db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.sessions.upsert(SessionRecord(session_id="s", session_type="agent", agent_id="a", user_id="alice"))
    run = RunRecord(run_id="r", session_id="s", run_type="agent", run_data={"content": "tea"}, user_id="alice")
    for _ in range(2):
        await db.runs.save(run)
    packets = Packets(db, monkeypatch)
    with pytest.raises(OwnershipError):
        await db.runs.save(replace(run, user_id="bob", run_data={}))
    assert packets.taken()[0] == ["UPDATE"]
    assert await db.runs.of_session("s") == [{"content": "tea"}]
    assert await db.runs.delete("r")
    packets.taken()
    await db.runs.save(run)
    assert packets.taken() == [["UPDATE"], ["BEGIN", "UPDATE", "INSERT", "SELECT", "COMMIT"]]
    assert await db.runs.of_session("s") == [{"content": "tea"}]
    assert await db.sessions.delete("s")
    with pytest.raises(NotFoundError):
        await db.runs.save(run)


async def test_a_save_of_a_session_is_one_and_two_over_what_others_wrote(
    db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets = Packets(db, monkeypatch)
    held = SessionRecord(session_id="s", session_type="agent", agent_id="a", session_data={"n": 1})
    await db.sessions.upsert(held)
    assert packets.taken() == SAVED
    unread = SessionRecord(session_id="s", session_type="agent", agent_id="a", session_data={"m": 2}, updated_at=1)
    await db.sessions.upsert(unread)
    assert packets.taken() == [*SAVED, ["BEGIN", "UPDATE", "SELECT", "COMMIT"]]
    renamed = await db.sessions.rename("s", "tea")
    assert packets.taken() == [["BEGIN", "UPDATE", "SELECT", "COMMIT"]]
    assert renamed is not None
    assert renamed.session_data == {"n": 1, "m": 2, "session_name": "tea"}
    assert await db.sessions.set_data("s", {"n": 3})
    assert packets.taken() == [["UPDATE"]]


async def test_a_refusal_is_one_round_trip_too(db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = await db.memories.upsert(TEA)
    packets = Packets(db, monkeypatch)
    with pytest.raises(OwnershipError):
        await db.memories.upsert(MemoryRecord(memory_id="m", memory="stolen", user_id="bob"))
    assert packets.taken() == WRITTEN
    assert await db.memories.get("m") == stored


async def test_what_may_not_be_written_for_its_session_is_locked_before_it_is_told(
    db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets = Packets(db, monkeypatch)
    with pytest.raises(NotFoundError):
        await db.runs.upsert(RunRecord(run_id="r", session_id="none", run_type="agent", run_data={}))
    first, *others = packets.taken()
    assert first == ["BEGIN", "UPDATE", "INSERT", "SELECT", "COMMIT"]
    assert others == [["BEGIN", "UPDATE", "SELECT", "SELECT"], ["COMMIT"], ["SELECT"]]


async def test_who_inserts_at_the_same_moment_is_waited_for(
    db: AsyncMySQLDb, mysql_server: MySQLAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The insert meets the other's row, which no statement before it could see."""
    packets, inserted = Packets(db, monkeypatch), asyncio.Event()

    def session() -> SessionRecord:
        return SessionRecord(session_id="s", session_type="agent", agent_id="a")

    async def first() -> None:
        async with db.transaction() as tx:
            assert await tx.sessions.insert_if_absent(session())
            inserted.set()
            while not mysql_server.run(WAITING):  # noqa: ASYNC110
                await asyncio.sleep(0.2)  # the table is as it was for whoever looks more often

    async def second() -> None:
        await inserted.wait()
        assert not await db.sessions.insert_if_absent(session())

    async with asyncio.timeout(20):
        await asyncio.gather(first(), second())
    assert packets.taken() == [["BEGIN", "INSERT", "SELECT", "COMMIT"], ["ROLLBACK", "BEGIN", "SELECT"], ["COMMIT"]]
    await asyncio.sleep(0.2)
    assert mysql_server.run("SELECT COUNT(*) FROM information_schema.innodb_trx") == ((0,),)


@pytest.mark.parametrize("text", ["'); DROP TABLE x; --", "100%s %(name)s %", "\\'", "a;\nb", '"', "\x1a", "%%"])
async def test_a_value_is_never_a_part_of_the_text(db: AsyncMySQLDb, text: str) -> None:
    for _ in range(2):
        stored = await db.memories.upsert(MemoryRecord(memory_id=text, memory=text, user_id=text))
        assert (stored.memory_id, stored.memory, stored.user_id) == (text, text, text)
    assert await db.memories.delete(text)


async def test_a_column_is_described_once(db: AsyncMySQLDb, monkeypatch: pytest.MonkeyPatch) -> None:
    await db.memories.upsert(TEA)
    await db.memories.get("m")
    described: list[bytes] = []
    parse = FieldDescriptorPacket.__init__

    def noted(self: Any, content: bytes, encoding: str) -> None:
        described.append(content)
        parse(self, content, encoding)

    monkeypatch.setattr(FieldDescriptorPacket, "__init__", noted)
    assert await db.memories.get("m") == await db.memories.upsert(TEA)
    assert described == []


@pytest.mark.parametrize("length", [0, 250, 251, 65_535, 65_536, 300_000, 3_000_000])
async def test_an_answer_of_any_length(db: AsyncMySQLDb, length: int) -> None:
    """Of which a part has arrived, or several packets."""
    text = "ä" * (length // 2)
    await db.memories.upsert(MemoryRecord(memory_id="m", memory=text, user_id="alice"))
    await db.memories.upsert(MemoryRecord(memory_id="n", memory=text + "!", user_id="alice"))
    found, total = await db.memories.page(Page(limit=2, sort_by="memory_id", sort_order="asc"))
    assert (total, [memory.memory for memory in found]) == (2, [text, text + "!"])


def stored_run(run_id: str, content: str = "tea") -> RunRecord:
    return RunRecord(run_id=run_id, session_id="s", run_type="agent", status="RUNNING", run_data={"content": content})


async def test_a_steady_read_of_a_session_is_one_round_trip_without_a_document(
    db: AsyncMySQLDb, mysql_server: MySQLAccess, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.sessions.upsert(SessionRecord(session_id="s", session_type="agent", agent_id="a", user_id="alice"))
    for number in range(12):
        await db.runs.upsert(stored_run(f"r{number}"))

    async def known() -> KnownRuns:
        runs = await db.runs.stored("s")
        made = known_runs([run.token for run in runs], [run.place for run in runs])
        assert made is not None
        return made

    before, packets = await known(), Packets(db, monkeypatch)
    found = await db.sessions.get_with_runs("s", before, user_id="alice")
    assert packets.taken() == [["SELECT"]]
    assert found is not None
    assert (found[0].session_id, [run.place for run in found[1]]) == ("s", list(range(4, 12)))
    assert all(run.load is None for run in found[1])
    assert await db.sessions.get_with_runs("s", before, user_id="bob") is None
    await db.runs.upsert(stored_run("r10", "milk"))
    mysql_server.run(f"UPDATE {database}.agno_runs SET run_data = '{{}}' WHERE run_id = 'r11'")  # as agno's adapter
    found = await db.sessions.get_with_runs("s", before)
    assert found is not None
    assert [run.load() for run in found[1] if run.load is not None] == [{"content": "milk"}, {}]
    mysql_server.run(f"UPDATE {database}.agno_runs SET run_data = '{{}}' WHERE run_id = 'r1'")
    assert await db.sessions.get_with_runs("s", before) is None
    runs = await db.runs.stored("s", [*before.before, *before.recent])
    assert [run.place for run in runs if run.load is not None] == [1, 10, 11]
    mysql_server.run(f"UPDATE {database}.agno_runs SET run_index = NULL WHERE run_id = 'r5'")
    found = await db.sessions.get_with_runs("s", await known())
    assert found is not None
    assert [run.place for run in found[1]] == [None, *(place for place in range(12) if place != 5)]


async def test_two_writes_at_one_moment_are_told_apart(mysql_server: MySQLAccess, database: str) -> None:
    """A clock that stands still, and one that was set back."""
    url = mysql_server.url.replace("mysql://", "mysql+aiomysql://", 1)
    tokens: list[Any] = []
    for moment in (1_800_000_000.5, 1_700_000_000.5):
        engine = create_async_engine(url, connect_args={"init_command": f"SET timestamp = {moment}"})
        async with AsyncMySQLDb(db_engine=engine, db_schema=database) as db:
            await db.create_tables()
            await db.sessions.upsert(SessionRecord(session_id="s", session_type="agent", agent_id="a"))

            async def token(db: AsyncMySQLDb = db) -> None:
                tokens.extend(run.token for run in await db.runs.stored("s"))

            for content in ("tea", "milk"):
                await db.runs.upsert(stored_run("r", content))
                await token()
            assert await db.runs.patch("r", "s", lambda _: {"run_data": {"content": ""}})
            await token()
            assert await db.runs.cancel("r", "s", reason="late", expected_status="RUNNING")
            await token()
        await engine.dispose()
    assert len(set(tokens)) == len(tokens) == 8
