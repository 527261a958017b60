"""The index that is built after a load tells how far it is, and when the server gives it too little memory."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg
import pytest
from chunks import HashingEmbedder, MakeStore, documents
from sqlalchemy import text
from typer.testing import CliRunner

from agnodb import AsyncPostgresDb
from agnodb.cli import app
from agnodb.migrations import building


@pytest.mark.parametrize("how", ["with a loop", "without"])
async def test_phases_are_told_while_it_is_built(
    make_store: MakeStore, postgres_url: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A writer that is not done holds the build up, so that it is seen whatever the machine's speed."""
    monkeypatch.setattr(building, "LOOK_SECONDS", 0.01)
    lines: list[str] = []
    store = make_store("vector", show=lines.append)
    await store.async_upsert("h", documents(50))
    writer = await asyncpg.connect(postgres_url)
    writing = writer.transaction()
    await writing.start()
    await writer.execute("UPDATE ai.kb SET name = 'later' WHERE name = 'n1'")
    built = asyncio.create_task(store.async_optimize() if how == "with a loop" else asyncio.to_thread(store.optimize))
    while not any("waiting for writers before build" in line for line in lines):
        assert not built.done(), lines
        await asyncio.sleep(0.01)
    await writing.commit()
    await writer.close()
    await built
    assert "index kb_hnsw_index: 50 rows" in lines
    assert lines[-1] == "index kb_hnsw_index is built"
    assert any(line.startswith("index kb_hnsw_index: ") and line.endswith(" %") for line in lines), lines


async def test_a_watcher_that_cannot_look_disturbs_nothing(make_store: MakeStore, monkeypatch: Any) -> None:
    monkeypatch.setattr(building, "_PROGRESS", text("SELECT nothing FROM nowhere"))
    store = make_store("vector")
    await store.async_upsert("h", documents(50))
    await store.async_optimize()
    await asyncio.to_thread(store.optimize, True)
    assert len(await store.async_search("w1x", 50)) == 50


async def test_too_little_memory_is_warned_of(
    make_store: MakeStore, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store("vector")
    await store.async_upsert("h", documents(3000), batch_size=1000)
    with caplog.at_level(logging.WARNING, "agnodb.vectors"):
        await store.async_optimize()
    assert caplog.messages == []
    connection = await asyncpg.connect(postgres_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE \"{name}\" SET maintenance_work_mem = '1MB'")
    await connection.close()
    async with AsyncPostgresDb(db_url=postgres_url) as db:
        another = make_store("vector", db=db)
        with caplog.at_level(logging.WARNING, "agnodb.vectors"):
            await another.async_optimize(force_recreate=True)
    assert caplog.messages == ["maintenance_work_mem is 1 MB; with 2 MB this is about twice as fast"]


async def test_the_command_line_builds_it(make_store: MakeStore, postgres_url: str) -> None:
    await make_store("vector").async_upsert("h", documents(50))

    def upgrade(index: str) -> Any:
        given = ["--url", postgres_url, "--vector", f"kb:{HashingEmbedder().dimensions}:none", "--index", index]
        return CliRunner().invoke(app, ["upgrade", *given])

    built = {
        "hnsw": "kb_hnsw_index",
        "hnsw:l2:halfvec": "kb_hnsw_halfvec_index",
        "hnsw:l2": "kb_hnsw_vector_l2_ops_index",
    }
    for index, name in built.items():
        done = await asyncio.to_thread(upgrade, index)
        assert done.exit_code == 0, done.output
        assert f"index {name} is built" in done.stderr
        assert f"index {name}" not in (await asyncio.to_thread(upgrade, index)).stderr
    for wrong in ("btree", "hnsw:near", "hnsw:l2:bytes", "hnsw:l2:halfvec:x"):
        assert (await asyncio.to_thread(upgrade, wrong)).exit_code == 2
