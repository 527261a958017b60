"""What is `SqliteVector`'s own: FTS5's BM25, two passes over the vectors, and one file."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from agno.filters import EQ
from agno.knowledge.document import Document
from chunks import HashingEmbedder, MakeStore, RandomEmbedder, documents, nearest, texts

from agnodb import AsyncSqliteDb, ConfigurationError, InvalidValueError, SchemaOutdatedError, SqliteDb
from agnodb.rules import signatures
from agnodb.vector import SqliteVector


@pytest.fixture
def on() -> str:
    return "sqlite"


def fts5(contents: list[str], query: str, k1: float = 1.2, b: float = 0.75) -> dict[int, float]:
    """FTS5's formula: that of `agnodb.rules.bm25` but for the weight of a word, ln((N - df + 0.5) / (df + 0.5)), and a
    millionth where that is not above zero."""
    counted = [Counter(content.split()) for content in contents]
    average = sum(words.total() for words in counted) / len(counted)
    scores: dict[int, float] = {}
    for word, times in Counter(query.split()).items():
        df = sum(word in words for words in counted)
        idf = max(math.log((len(counted) - df + 0.5) / (df + 0.5)), 0) or 1e-6
        for place, words in enumerate(counted):
            if tf := words[word]:
                length = words.total() / average
                scores[place] = scores.get(place, 0.0) + times * idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length))
    return scores


async def test_words_are_ranked_by_fts5s_bm25(make_store: MakeStore) -> None:
    store, given = make_store("keyword", content_language="simple"), documents(400)
    await store.async_upsert("h", documents(300, seed=5))
    await store.async_upsert("h", given)  # what was replaced counts no more
    contents = [d.content for d in given]
    for query in ("w0x", "w299x w1x", "w0x w1x w2x w3x", "w7x w30x w120x", "w9x w9x w250x", *texts(10, seed=9)):
        expected = fts5(contents, query)
        found = await store.async_search(query, 10)
        best = sorted(expected.values(), reverse=True)[:10]
        assert [d.meta_data["similarity_score"] for d in found] == pytest.approx(best, rel=1e-6)
        assert [expected[d.meta_data["number"]] for d in found] == pytest.approx(best, rel=1e-6)
    assert await store.async_search("nowhere to be found", 10) == []
    assert await store.async_search("'!(& | \\ :* \" - NEAR", 10) == []


async def test_words_of_any_kind_are_no_operators(make_store: MakeStore) -> None:
    store = make_store("keyword")
    await store.async_upsert("h", [Document(content="Running (fast), café OR naïve; 3.14 AND 中文")])
    for query in ("runs", "CAFE", "naive -fast", "content:fast", '"fast', "NEAR(fast)", "*fast", "中文", "14"):
        assert len(await store.async_search(query)) == 1, query


@pytest.mark.parametrize("metric", ["cosine", "l2", "max_inner_product"])
@pytest.mark.parametrize("fast", [True, False])
async def test_the_nearest_of_two_passes(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, metric: str, fast: bool
) -> None:
    if not fast:
        monkeypatch.setattr(signatures, "numpy", lambda: None)
    embedder = RandomEmbedder(64)
    store = make_store("vector", distance=metric, embedder=embedder)
    given = documents(3000, words=2000)
    await store.async_upsert("h", given, batch_size=500)
    vectors = [embedder.get_embedding(d.content) for d in given]
    met = 0
    queries = texts(10, seed=5, words=2000)
    for query in queries:
        asked = embedder.get_embedding(query)
        found = await store.async_search(query, 10)
        assert len(found) == 10
        met += len({d.meta_data["number"] for d in found} & {*nearest(vectors, asked, metric, 10)})
        third = [d.meta_data["number"] for d in await store.async_search(query, 10, {"ten": 3})]
        assert third == [3 + 10 * place for place in nearest(vectors[3::10], asked, metric, 10)]
    assert met >= 0.99 * 10 * len(queries)


async def test_metadata_are_contained_as_in_postgresql(make_store: MakeStore) -> None:
    store = make_store("keyword")
    kept = {"a": {"b": [1, {"c": "x"}, [2]], "d": None}, "on": True, "one": 1, "text": "1", "big": 2**70, "é k": 1.5}
    await store.async_upsert("h", [Document(content="word", meta_data=kept)])
    contained: list[dict[str, Any]] = [
        {"a": {}}, {"a": {"b": []}}, {"a": {"b": [{"c": "x"}]}}, {"a": {"b": [[2], 1]}}, {"a": {"d": None}},
        {"on": True, "one": 1.0}, {"text": "1"}, {"big": 2**70}, {"é k": 1.5},
    ]  # fmt: skip
    for filters in contained:
        assert len(await store.async_search("word", filters=filters)) == 1, filters
    missing: list[dict[str, Any]] = [
        {"a": []}, {"a": {"b": [3]}}, {"a": {"b": [{"c": "y"}]}}, {"on": 1}, {"one": True}, {"text": 1},
        {"nothing": None}, {"one": "1"}, {"a": {"b": 1}},
    ]  # fmt: skip
    for filters in missing:
        assert await store.async_search("word", filters=filters) == [], filters
    with pytest.raises(InvalidValueError):
        await store.async_search("word", filters=[EQ('a"b', 1)])


async def test_a_search_is_three_statements_at_most(make_store: MakeStore) -> None:
    for kind, count in (("vector", 3), ("keyword", 2), ("hybrid", 4)):
        store = make_store(kind)
        await store.async_upsert("h", documents(50))
        before = store._async._executor.statements
        await store.async_search("w1x w3x", 5, {"ten": 1})
        assert store._async._executor.statements == before + count


async def test_the_first_pass_reads_an_index_alone(db: AsyncSqliteDb, make_store: MakeStore) -> None:
    await make_store("vector").async_upsert("h", documents(50))
    async with db.db_engine.connect() as connection:
        for condition in ("", " WHERE json_extract(meta_data, '$.ten') = 1 AND (user_id = 'a' OR user_id IS NULL)"):
            statement = f"EXPLAIN QUERY PLAN SELECT number, signature, length FROM kb{condition}"
            plan = " ".join(row[3] for row in await connection.exec_driver_sql(statement))
            assert "COVERING INDEX idx_kb_signature" in plan


async def test_a_table_of_other_embeddings_or_words(make_store: MakeStore) -> None:
    with pytest.raises(SchemaOutdatedError):
        await make_store("keyword", create_schema=False).async_search("x")
    await make_store("keyword").async_create()
    with pytest.raises(ConfigurationError):
        await make_store("keyword", embedder=HashingEmbedder(8)).async_search("x")
    with pytest.raises(ConfigurationError):
        await make_store("keyword", content_language="simple").async_search("x")
    with pytest.raises(ConfigurationError):
        make_store("keyword", content_language="german")


async def test_the_table_is_dropped_and_made_again(make_store: MakeStore) -> None:
    store = make_store("hybrid", table_name='odd "name')
    await store.async_upsert("h", documents(20))
    await store.async_optimize()
    store.optimize(force_recreate=True)
    assert len(await store.async_search("w1x", 5)) == 5
    await store.async_drop()
    assert not store.exists()
    await store.async_upsert("h", documents(3))
    assert store.delete()
    assert store.get_count() == 0
    assert await store.async_search("w1x", 5) == []


async def test_without_a_database_object(tmp_path: Path) -> None:
    file = str(tmp_path / "kb.db")
    for given in ({"db_file": file}, {"db_url": f"sqlite:///{file}"}, {"db": SqliteDb(db_file=file)}):
        store = SqliteVector(table_name="kb", embedder=HashingEmbedder(), search_type="hybrid", **given)  # type: ignore[arg-type]
        await store.async_upsert("h", documents(5))
        assert len(store.search("w1x")) == 5
        assert store.id == SqliteVector(table_name="kb", embedder=HashingEmbedder(), db_file=file).id
        await store.close()
    async with AsyncSqliteDb(db_url="sqlite://") as memory:
        store = SqliteVector(table_name="kb", embedder=HashingEmbedder(), db=memory)
        await store.async_upsert("h", documents(5))
        assert store.get_count() == 5
        await store.close()
    for wrong in ({}, {"db_url": "sqlite://"}, {"db_url": "postgresql://h/d"}, {"db": object()}):
        with pytest.raises(ConfigurationError):
            SqliteVector(table_name="kb", embedder=HashingEmbedder(), **wrong)  # type: ignore[arg-type]
