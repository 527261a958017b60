"""Loads that fail, are killed, or meet an outage leave no half document, and can be made again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from agno.knowledge.document import Document
from chunks import BOTH, HashingEmbedder, MakeStore, RandomEmbedder, documents

from agnodb.records.vectors import Chunk, Owner

_LOAD = """
import asyncio, sys
sys.path.insert(0, {folder!r})
from chunks import HashingEmbedder, documents
from agnodb.records.vectors import Owner
from agnodb.vector import PgVector, SqliteVector

async def main():
    kind = SqliteVector if {url!r}.startswith("sqlite") else PgVector
    store = kind(table_name="kb", db_url={url!r}, embedder=HashingEmbedder(), search_type="vector")
    await store.async_create()
    number = 0
    while number < {contents}:
        if not await store.rows.holds(Owner(f"h{{number}}")):
            await store.async_upsert(f"h{{number}}", documents(60, seed=number), batch_size=7)
            print("stored", number, flush=True)
        number += 1
    await store.close()

asyncio.run(main())
"""


def load(url: str, contents: int) -> subprocess.Popen[str]:
    code = _LOAD.format(folder=str(Path(__file__).parent), url=url, contents=contents)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AGNODB_")}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)


async def sizes(url: str) -> list[int]:
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            return [row[0] for row in file.execute("SELECT count(*) FROM kb GROUP BY content_hash")]
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT count(*) FROM ai.kb GROUP BY content_hash")
    await connection.close()
    return [row[0] for row in rows]


@BOTH
async def test_a_killed_load_leaves_no_half_document_and_is_resumed(
    request: pytest.FixtureRequest, tmp_path: Path, on: str
) -> None:
    url = f"sqlite:///{tmp_path}/kb.db" if on == "sqlite" else request.getfixturevalue("postgres_url")
    process = load(url, 10_000)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().startswith("stored")
    time.sleep(0.05)  # noqa: ASYNC251  (into the middle of one)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stored = await sizes(url)
    assert len(stored) >= 3
    assert {*stored} == {60}
    goal = len(stored) + 2
    again, _ = load(url, goal).communicate(timeout=60)
    assert again.split() == ["stored", str(goal - 2), "stored", str(goal - 1)]
    assert await sizes(url) == [60] * goal


async def test_a_connection_that_is_lost_in_the_middle(make_store: MakeStore, postgres_url: str) -> None:
    store = make_store("vector")
    await store.async_upsert("other", documents(3))
    killer = await asyncpg.connect(postgres_url)
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND xact_start IS NOT NULL AND query LIKE 'INSERT%'"
    )
    load = asyncio.create_task(store.async_upsert("h", documents(3000), batch_size=10))
    killed = 0
    while not load.done() and not killed:
        killed = await killer.fetchval(kill)
        await asyncio.sleep(0)
    await load
    await killer.close()
    assert killed
    assert store.get_count() == 3003


async def test_an_embedder_that_fails(make_store: MakeStore) -> None:
    class Failing(HashingEmbedder):
        async def async_get_embedding_and_usage(self, text: str) -> tuple[list[float], None]:
            if text == "bad":
                raise RuntimeError("no embedding today")
            return self.get_embedding(text), None

    done: list[tuple[int, int]] = []
    store = make_store("vector", embedder=Failing(), progress=lambda *told: done.append(told))
    await store.async_upsert("h", documents(3))
    with pytest.raises(RuntimeError, match="no embedding today"):
        await store.async_upsert("h", [*documents(40), Document(content="bad")])
    assert store.get_count() == 3
    assert done[0] == (3, 3)
    assert done[-1] == (32, 41)


async def test_the_loop_is_never_held_for_long(make_store: MakeStore) -> None:
    """Counted, not timed: between two batches the loop turns, however many there are."""
    store = make_store("vector")
    await store.async_create()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    given = [
        Document(content=d.content, id=d.id, embedding=HashingEmbedder().get_embedding(d.content))
        for d in documents(300)
    ]
    await store.async_upsert("h", given, batch_size=10)
    turning.cancel()
    assert turns > 30


@BOTH
async def test_however_many_rows_are_asked_for_at_once_few_are_written(make_store: MakeStore) -> None:
    """What holds the loop is the writing of numbers: of long vectors there are fewer in a statement."""
    store = make_store("vector", embedder=RandomEmbedder(1000))
    await store.async_create()
    sizes: list[int] = []
    chunks = [Chunk(content=f"c{n}", embedding=[1.0] * 1000) for n in range(120)]

    class Seen(list[Chunk]):
        def __getitem__(self, place: Any) -> Any:
            found = super().__getitem__(place)
            sizes.append(len(found))
            return found

    assert await store.rows.replace(Owner("h", None), Seen(chunks), batch=10_000) == 120
    assert sizes == [50, 50, 20]
