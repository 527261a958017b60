"""A table that agno's PgVector made: opened, extended while it is in use, and used by both afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from agno.knowledge.document import Document
from agno.vectordb.pgvector import PgVector as AgnosPgVector
from agno.vectordb.search import SearchType
from chunks import HashingEmbedder, MakeStore, documents
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from agnodb import AsyncPostgresDb
from agnodb.cli import app
from agnodb.migrations.vectors import ensure_vectors
from agnodb.vector import PgVector


@pytest.fixture
def agnos(postgres_url: str) -> Any:
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    yield AgnosPgVector(table_name="kb", db_engine=engine, embedder=HashingEmbedder(), search_type=SearchType.hybrid)
    engine.dispose()


async def test_each_reads_and_replaces_what_the_other_wrote(agnos: Any, make_store: MakeStore) -> None:
    agnos.create()
    agnos.upsert("old", documents(50), {"by": "agno"})
    store = make_store("hybrid")
    assert len(await store.async_search("w1x", 50, {"by": "agno"})) == 50
    assert len(await make_store("keyword").async_search("w1x", 50)) > 10
    agnos.upsert("new", [Document(content="written meanwhile")])
    assert (await make_store("keyword").async_search("meanwhile"))[0].content == "written meanwhile"
    await store.async_upsert("new", [Document(content="written by us", name="n", content_id="c")], {"by": "us"})
    assert store.get_count() == 51
    found = agnos.search("written by us", limit=1)
    assert [(d.content, d.meta_data["by"]) for d in found] == [("written by us", "us")]
    assert agnos.content_hash_exists("new")
    agnos.update_metadata("c", {"more": 1})
    assert (await store.async_search("written", 1, {"more": 1}))[0].content == "written by us"
    await store.async_optimize()
    assert agnos.delete_by_content_id("c")
    assert not store.content_hash_exists("new")


async def test_agno_uses_a_table_of_ours(agnos: Any, make_store: MakeStore) -> None:
    store = make_store("hybrid")
    await store.async_upsert("h", documents(20))
    agnos.upsert("h", documents(20))
    agnos.insert("i", documents(20), user_id="alice")
    assert store.get_count() == agnos.get_count() == 40
    assert len(agnos.search("w1x", limit=40, user_id="bob")) == 20
    assert len(await make_store("keyword").async_search("w0x", 40, user_id="bob")) > 5


async def test_an_extension_goes_on_where_it_was_interrupted(
    agnos: Any, db: AsyncPostgresDb, postgres_url: str
) -> None:
    agnos.create()
    agnos.upsert("old", documents(5))
    with agnos.db_engine.begin() as connection:
        connection.execute(text("ALTER TABLE ai.kb ADD COLUMN agnodb_lexemes tsvector"))
        connection.execute(text("ALTER TABLE ai.kb DROP COLUMN user_id"))
    store = PgVector(table_name="kb", db=db, embedder=HashingEmbedder(), search_type="keyword", create_schema=True)
    place = store._async._asked
    shown: list[str] = []
    engine = db.db_engine
    await ensure_vectors(engine, place, show=shown.append)
    assert "words of 5 rows read" in shown
    shown.clear()
    await ensure_vectors(engine, place, create=False, show=shown.append)
    assert shown == []
    assert len(await store.async_search("w0x w1x w2x", 5, user_id="alice")) > 0
    agnos.upsert("new", [Document(content="aardvark")])
    assert len(await store.async_search("aardvark")) == 1
    await store.close()


def test_the_command_line_makes_and_extends_it(agnos: Any, postgres_url: str) -> None:
    agnos.create()
    agnos.upsert("old", documents(5))
    for named in (["kb:16"], ["kb:16", "another:8:none"]):
        options = [word for name in named for word in ("--vector", name)]
        done = CliRunner().invoke(app, ["upgrade", "--url", postgres_url, *options])
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines()[-1] == ", ".join(named)
    store = PgVector(
        table_name="kb", db_url=postgres_url, embedder=HashingEmbedder(), search_type="keyword", create_schema=False
    )
    assert len(store.search("w0x w1x w2x w3x")) > 0
    wrong = CliRunner().invoke(app, ["upgrade", "--url", postgres_url, "--vector", "kb:many"])
    assert wrong.exit_code == 2
    assert CliRunner().invoke(app, ["upgrade", "--url", postgres_url, "--vector", "kb:17"]).exit_code == 2
    elsewhere = CliRunner().invoke(app, ["upgrade", "--url", "sqlite:///:memory:", "--vector", "kb:16"])
    assert (elsewhere.exit_code, "PostgreSQL" in elsewhere.output) == (2, True)
