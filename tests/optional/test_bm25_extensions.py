"""`PgVector(bm25=...)`: words are ranked by an extension of the server. Run by `make bm25-extensions`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from agno.knowledge.document import Document
from chunks import HashingEmbedder, bm25, documents, texts
from sqlalchemy import text
from typer.testing import CliRunner

from agnodb import AsyncPostgresDb, ConfigurationError, SchemaOutdatedError
from agnodb.cli import app
from agnodb.sql.vector_search import hybrid_search
from agnodb.testing.servers import PostgresServer
from agnodb.vector import PgVector

TEXTSEARCH, SEARCH = "pg_textsearch", "pg_search"
EXTENSIONS = pytest.mark.parametrize("extension", [TEXTSEARCH, SEARCH])


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer.start() as started:
        started.preload(TEXTSEARCH, SEARCH)
        yield started


@pytest.fixture
async def url(server: PostgresServer) -> AsyncIterator[str]:
    name = f"words {uuid.uuid4().hex[:8]}"
    yield server.create_database(name)
    server.drop_database(name)


@pytest.fixture
async def db(url: str) -> AsyncIterator[AsyncPostgresDb]:
    async with AsyncPostgresDb(db_url=url) as made:
        yield made


def store(db: AsyncPostgresDb, extension: str | None, search_type: str = "keyword", **given: Any) -> PgVector:
    arguments = {"table_name": "kb", "embedder": HashingEmbedder(), "bm25": extension, **given}
    return PgVector(db=db, search_type=search_type, **arguments)


def contents(found: list[Document]) -> list[str]:
    return [document.content for document in found]


def scores(found: list[Document]) -> list[float]:
    return [document.meta_data["similarity_score"] for document in found]


@EXTENSIONS
async def test_words_are_ranked_by_bm25(db: AsyncPostgresDb, extension: str) -> None:
    kb, given = store(db, extension, content_language="simple"), documents(400)
    await kb.async_upsert("h", given)
    for query in ("w0x", "w299x w1x", "w0x w1x w2x w3x", "w7x w30x w120x", *texts(10, seed=9)):
        words = " ".join(dict.fromkeys(query.split()))
        expected = bm25(contents(given), words)
        found = await kb.async_search(words, 10)
        best = sorted(expected.values(), reverse=True)[: len(found)]
        assert len(found) == min(10, len(expected))
        for document, score in zip(found, best, strict=True):
            # Both keep a document's length in a byte.
            assert document.meta_data["similarity_score"] == pytest.approx(score, rel=0.05)
            assert expected[document.meta_data["number"]] == pytest.approx(score, rel=0.05)
    assert await kb.async_search("nowhere to be found", 10) == []
    assert await kb.async_search("'!(& | \\ :*", 10) == []
    assert await kb.async_search("", 10) == []


@EXTENSIONS
async def test_words_of_a_language(db: AsyncPostgresDb, extension: str) -> None:
    kb = store(db, extension)
    await kb.async_upsert("h", [Document(content="The running dogs"), Document(content="A sleeping cat")])
    assert contents(await kb.async_search("dog runs")) == ["The running dogs"]
    assert await kb.async_search("the") == []
    with pytest.raises(ConfigurationError, match="another language"):
        await store(db, extension, content_language="german").async_search("dog")


@EXTENSIONS
async def test_what_is_far_down_is_found_through_a_filter(db: AsyncPostgresDb, extension: str) -> None:
    kb = store(db, extension, content_language="simple")
    short = [Document(id=f"s{n}", content=f"common w{n}", meta_data={"kind": "short"}) for n in range(3000)]
    long = [Document(id=f"l{n}", content="common" + " filler" * 90, meta_data={"kind": f"k{n % 5}"}) for n in range(50)]
    await kb.async_upsert("h", [*short, *long], batch_size=1000)
    mine = "common" + " filler" * 99
    await kb.async_upsert("mine", [Document(content=mine)], user_id="bob")
    assert len(await kb.async_search("common", 10, {"kind": "k3"})) == 10
    assert len(await kb.async_search("common", 20, {"kind": "k3"})) == 10
    assert len(await kb.async_search("common", 20, {"kind": "nothing"})) == 0
    assert mine not in contents(await kb.async_search("common", 3060, user_id="alice"))
    assert mine in contents(await kb.async_search("common", 3060, user_id="bob"))


@EXTENSIONS
async def test_a_search_after_changes_and_in_a_transaction(db: AsyncPostgresDb, extension: str) -> None:
    kb = store(db, extension, "hybrid")
    await kb.async_upsert("h", documents(50))
    await kb.async_upsert("one", [Document(content="a zebra in the zoo")])
    assert (await kb.async_search("zebra"))[0].content == "a zebra in the zoo"
    await kb.async_upsert("one", [Document(content="a lion in the zoo")])
    words = store(db, extension)
    assert await words.async_search("zebra") == []
    assert contents(await words.async_search("lion")) == ["a lion in the zoo"]
    async with db.transaction() as tx:
        await words.on(tx).async_upsert("two", [Document(content="a giraffe")])
        assert contents(await words.on(tx).async_search("giraffe")) == ["a giraffe"]
    assert words.delete_by_name("n0")
    assert contents(await words.async_search("giraffe")) == ["a giraffe"]


@EXTENSIONS
async def test_a_hybrid_search_is_by_both_indexes(db: AsyncPostgresDb, extension: str) -> None:
    kb = store(db, extension, "hybrid")
    await kb.async_upsert("h", documents(3000, words=3000), batch_size=1000)
    await kb.async_optimize()
    for _ in range(8):  # a plan that is kept is no worse
        found = await kb.async_search("w1200x w7x", 5)
        assert len(found) == 5
        assert scores(found) == sorted(scores(found), reverse=True)
    statement = hybrid_search(await kb._async._place(), 5, "", by_rank=True)
    given = {"query": "w1200x w7x", "embedding": str([1.0] * 16), "farthest": 2.0, "vector_weight": 0.5}
    async with db.db_engine.connect() as connection:
        rows = await connection.execute(text(f"EXPLAIN (COSTS OFF) {statement.element.text}"), given)
        plan = "\n".join(row[0] for row in rows)
    assert "kb_hnsw_index" in plan
    assert "idx_kb_bm25" in plan
    assert "Seq Scan on kb" not in plan


@EXTENSIONS
async def test_a_table_with_words_of_our_own_gains_the_index(db: AsyncPostgresDb, url: str, extension: str) -> None:
    await store(db, None).async_upsert("h", documents(50))
    with pytest.raises(SchemaOutdatedError):
        await store(db, extension, create_schema=False).async_search("w1x")
    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["upgrade", "--url", url, "--vector", f"kb:16:english:{extension}"]
    )
    assert done.exit_code == 0, done.output
    by_it = store(db, extension, create_schema=False)
    expected = await store(db, None).async_search("w1x w40x", 5)
    assert {d.id for d in await by_it.async_search("w1x w40x", 5)} == {d.id for d in expected}
