"""`PgVector` on its own: what is stored comes back, what is searched is found, and nothing is half done."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from agno.filters import AND, CONTAINS, EQ, GT, GTE, IN, LT, NEQ, NOT, OR, STARTSWITH
from agno.knowledge.document import Document
from chunks import BOTH, DIMENSIONS, HashingEmbedder, MakeStore, RandomEmbedder, bm25, documents, nearest, texts
from sqlalchemy import text

from agnodb import AsyncPostgresDb, ConfigurationError, InvalidValueError, PostgresDb, SchemaOutdatedError
from agnodb.records import KnowledgeRecord
from agnodb.sql.vector_filters import condition_of
from agnodb.sql.vector_search import hybrid_search
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES, canonical
from agnodb.vector import PgVector

TYPES = ("vector", "keyword", "hybrid")


def contents(found: list[Document]) -> list[str]:
    return [document.content for document in found]


@BOTH
@pytest.mark.parametrize("kind", TYPES)
async def test_async_and_sync_find_the_same(make_store: MakeStore, kind: str) -> None:
    store = make_store(kind)
    assert not store.exists()
    assert not await store.async_exists()
    await store.async_upsert("one", documents(60), {"source": "book"})
    store.upsert("two", [Document(content="a lonely aardvark", name="animal")])
    for query in ("w1x w40x", "aardvark"):
        found = await store.async_search(query, 5)
        assert [(d.id, d.content, d.meta_data) for d in store.search(query, 5)] == [
            (d.id, d.content, d.meta_data) for d in found
        ]
        assert len(found) == (1 if kind == "keyword" and query == "aardvark" else 5)
    assert found[0].content == "a lonely aardvark"
    book = await store.async_search("w1x", 60, {"source": "book"})
    assert book
    assert {d.meta_data["source"] for d in book} == {"book"}
    assert store.get_count() == 61
    assert await store.async_name_exists("animal")
    assert store.id_exists(found[0].id or "")


@BOTH
async def test_what_was_stored_comes_back(make_store: MakeStore) -> None:
    store = make_store("vector", return_updated_at=True)
    metadata = {"text": "é \\ ' \" 中", "deep": {"a": [1, None, 2.5]}, "nan": float("nan"), "big": 2**80}
    given = Document(content="null \0 and é", name="n'a\\me", id="i", meta_data=dict(metadata), content_id="c")
    await store.async_insert("h", [given], {"more": [True]})
    (found,) = await store.async_search("anything")
    assert found.content == "null \ufffd and é"
    assert found.name == "n'a\\me"
    assert found.embedding == pytest.approx(HashingEmbedder().get_embedding(given.content))
    assert found.usage == {"words": 4}
    kept = found.meta_data
    assert str(kept.pop("nan")) == "nan"
    assert kept.pop("_agno_updated_at").startswith("20")
    assert 0 <= kept.pop("similarity_score") <= 1
    assert kept == {"text": metadata["text"], "deep": metadata["deep"], "big": 2**80, "more": [True]}
    assert given.meta_data.keys() == metadata.keys()
    store.update_metadata("c", {"deep": 1, "new": "x"})
    (found,) = await store.async_search("anything")
    assert (found.meta_data["deep"], found.meta_data["new"], found.meta_data["more"]) == (1, "x", [True])


@BOTH
async def test_odd_values_come_back(make_store: MakeStore) -> None:
    """In metadata as they are; in a text without what the database's texts cannot hold."""
    store = make_store("vector")
    given = [Document(content=f"c{n}", id=f"d{n}", meta_data={"value": v}) for n, v in enumerate(ODD_VALUES)]
    await store.async_upsert("values", given)
    found = {d.content: d.meta_data["value"] for d in await store.async_search("c", 100)}
    for number, value in enumerate(ODD_VALUES):
        assert canonical(found[f"c{number}"]) == canonical(value), value
    wrong = [text for text in ODD_TEXT if "\0" in text or "\ud800" in text]
    plain = [text for text in ODD_TEXT if text not in wrong]
    await store.async_upsert("values", [Document(content=f"x{t}", id=f"d{t}", name=t) for t in plain])
    assert {(d.content, d.name) for d in await store.async_search("x", 100)} == {(f"x{t}", t) for t in plain}
    for odd in wrong:
        for fields in ({"name": odd}, {"content_id": odd}):
            with pytest.raises(InvalidValueError):
                await store.async_upsert("values", [Document(content="y", embedding=[1.0] * DIMENSIONS, **fields)])
    with pytest.raises(InvalidValueError):
        await store.async_upsert("values", [Document(content="\ud800", embedding=[1.0] * DIMENSIONS)])
    assert store.get_count() == len(plain)


FILTERS: list[tuple[Any, Any]] = [
    ({"ten": 3}, lambda m: m["ten"] == 3),
    ({"ten": 3, "number": 13}, lambda m: m["number"] == 13),
    ([EQ("kind", "k7")], lambda m: m["kind"] == "k7"),
    ([EQ("ten", "4")], lambda m: m["ten"] == 4),
    ([IN("number", [1, 5, 900])], lambda m: m["number"] in (1, 5)),
    ([GT("number", 50), LT("number", 55)], lambda m: 50 < m["number"] < 55),
    ([GTE("kind", "k98")], lambda m: m["kind"] >= "k98"),
    ([GT("kind", 5)], lambda _m: False),
    ([NOT(OR(EQ("ten", 1), LT("number", 90)))], lambda m: m["ten"] != 1 and m["number"] >= 90),
    ([AND(NEQ("ten", 2), GTE("number", 115))], lambda m: m["ten"] != 2 and m["number"] >= 115),
    ([STARTSWITH("kind", "k11"), CONTAINS("kind", "K1")], lambda m: m["kind"].startswith("k11")),
    ([EQ("nothing", None), EQ("ten", 9)], lambda m: m["ten"] == 9),
    ([EQ("nothing", 1)], lambda _m: False),
    ([IN("ten", [])], lambda _m: False),
]


@BOTH
@pytest.mark.parametrize("kind", TYPES)
async def test_filters(make_store: MakeStore, kind: str) -> None:
    store, given = make_store(kind), documents(120)
    await store.async_upsert("h", [Document(**{**vars(d), "content": f"everywhere {d.content}"}) for d in given])
    for filters, accepts in FILTERS:
        found = await store.async_search("everywhere", 120, filters)
        assert sorted(d.meta_data["number"] for d in found) == [
            d.meta_data["number"] for d in given if accepts(d.meta_data)
        ], filters


@BOTH
async def test_no_filter(make_store: MakeStore) -> None:
    store = make_store("keyword")
    wrong: Any
    for wrong in ("text", [{"op": "LIKE", "key": "a", "value": 1}], [{"op": "EQ"}], [1]):
        with pytest.raises(InvalidValueError):
            await store.async_search("x", filters=wrong)
    with pytest.raises(InvalidValueError):
        await store.async_search("x", 0)
    with pytest.raises(InvalidValueError):
        store.delete_by_metadata({})


@BOTH
@pytest.mark.parametrize("kind", TYPES)
async def test_owners_are_kept_apart(make_store: MakeStore, kind: str) -> None:
    store = make_store(kind)
    for user in ("alice", "bob", None):
        await store.async_upsert("h", [Document(content="shared words", content_id="c")], user_id=user)
    assert store.get_count() == 3
    assert len(await store.async_search("words", user_id="alice")) == 2
    assert len(await store.async_search("words", user_id="carol")) == 1
    assert len(await store.async_search("words")) == 3
    await store.async_upsert("h", [Document(content="other words")], user_id=None)
    assert sorted(contents(await store.async_search("words", user_id="bob"))) == ["other words", "shared words"]
    assert store.content_hash_exists("h", "alice")
    assert not store.content_hash_exists("h", "carol")
    assert store.delete_by_content_id("c", "alice")
    assert not store.delete_by_content_id("c", "alice")
    assert not store.content_hash_exists("h", "alice")
    assert store.content_hash_exists("h", "bob")
    assert store.delete_by_content_id("c")
    assert store.get_count() == 1


async def test_words_are_ranked_by_bm25(make_store: MakeStore) -> None:
    store, given = make_store("keyword", content_language="simple"), documents(400)
    await store.async_upsert("h", given)
    contents = [d.content for d in given]
    for query in ("w0x", "w299x w1x", "w0x w1x w2x w3x", "w7x w30x w120x", "w9x w9x w250x", *texts(10, seed=9)):
        expected = bm25(contents, query)
        found = await store.async_search(query, 10)
        best = sorted(expected.values(), reverse=True)[: len(found)]
        assert len(found) == min(10, len(expected))
        for document, score in zip(found, best, strict=True):
            assert document.meta_data["similarity_score"] == pytest.approx(score, rel=1e-5)
            assert expected[document.meta_data["number"]] == pytest.approx(score, rel=1e-5)
    assert await store.async_search("nowhere to be found", 10) == []
    assert await store.async_search("'!(& | \\ :*", 10) == []


@BOTH
async def test_the_beginnings_of_words(make_store: MakeStore) -> None:
    store = make_store("keyword", prefix_match=True)
    await store.async_upsert("h", [Document(content="animals in the zoo"), Document(content="the zoologist")])
    assert len(await store.async_search("zo")) == 2
    assert contents(await store.async_search("anim")) == ["animals in the zoo"]


@pytest.mark.parametrize(
    ("metric", "quantization"),
    [("cosine", None), ("l2", None), ("max_inner_product", None), ("l2", "halfvec"), ("cosine", "binary")],
)
async def test_the_nearest_by_the_index(make_store: MakeStore, metric: str, quantization: Any) -> None:
    embedder = RandomEmbedder(64)
    store = make_store("vector", distance=metric, quantization=quantization, embedder=embedder)
    given = documents(1500, words=2000)
    await store.async_upsert("h", given, batch_size=500)
    await store.async_optimize()
    vectors = [embedder.get_embedding(d.content) for d in given]
    met = wanted = 0
    for query in texts(10, seed=5, words=2000):
        expected = nearest(vectors, embedder.get_embedding(query), metric, 10)
        found = [d.meta_data["number"] for d in await store.async_search(query, 10)]
        assert len(found) == 10
        met, wanted = met + len({*found} & {*expected}), wanted + 10
        third = {d.meta_data["number"] for d in await store.async_search(query, 10, {"ten": 3})}
        assert third == {*nearest_of(vectors, embedder.get_embedding(query), metric, 3)}
    assert met >= wanted * (0.7 if quantization == "binary" else 0.99)


def nearest_of(vectors: list[list[float]], query: list[float], metric: str, ten: int) -> list[int]:
    return [ten + 10 * place for place in nearest(vectors[ten::10], query, metric, 10)]


async def test_an_inverted_file_index(make_store: MakeStore) -> None:
    class Ivfflat:
        lists, dynamic_lists = 10, False

    store = make_store("hybrid", vector_index=Ivfflat())
    await store.async_upsert("h", documents(200))
    await store.async_optimize()
    await store.async_optimize(force_recreate=True)
    assert len(await store.async_search("w1x", 20)) == 20


async def test_a_hybrid_search_is_one_statement_by_both_indexes(db: AsyncPostgresDb, make_store: MakeStore) -> None:
    store = make_store("hybrid", embedder=RandomEmbedder(128))
    await store.async_upsert("h", documents(3000, words=3000), batch_size=1000)
    await store.async_optimize()
    await store.async_search("w900x", 5)
    before = store._async._executor.statements
    await store.async_search("w1200x", 5)
    assert store._async._executor.statements == before + 1
    place = await store._async._place()
    for filters in (None, {"ten": 1}):
        condition = condition_of(filters, None)
        statement = hybrid_search(place, 5, condition.sql, by_rank=True)
        further = {"query": "w1500x w20x", "documents": 3000.0, "average": 20.0, "estimated": False}
        near = {"embedding": str([1.0] * 128), "farthest": 2.0, "vector_weight": 0.5}
        async with db.db_engine.connect() as connection:
            rows = await connection.execute(
                text(f"EXPLAIN (COSTS OFF) {statement.element.text}"), {**condition.parameters, **further, **near}
            )
            plan = "\n".join(row[0] for row in rows)
        assert "Index Scan using kb_hnsw_index" in plan
        assert "Bitmap Index Scan on idx_kb_agnodb_lexemes" in plan
        assert "Seq Scan on kb" not in plan
        assert filters is None or "Bitmap Index Scan on idx_kb_meta_data" in plan


async def test_both_ways_to_fuse(make_store: MakeStore) -> None:
    for fusion in ("rrf", "weights"):
        store = make_store("hybrid", fusion=fusion, vector_score_weight=0.3)
        await store.async_upsert("h", documents(50))
        found = await store.async_search("w3x w11x", 50)
        scores = [d.meta_data["similarity_score"] for d in found]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1.0000001 for score in scores)


@BOTH
async def test_a_threshold(make_store: MakeStore) -> None:
    store = make_store("vector", similarity_threshold=0.99)
    await store.async_upsert("h", documents(50))
    query = documents(50)[7].content
    assert contents(await store.async_search(query, 5)) == [query]


@BOTH
@pytest.mark.parametrize(
    "bad", [[float("nan")] * DIMENSIONS, [float("inf")] * DIMENSIONS, [0.0] * DIMENSIONS, [1.0], ["x"] * DIMENSIONS]
)
async def test_an_embedding_that_could_not_be_found_again(make_store: MakeStore, bad: Any) -> None:
    store = make_store("vector")
    await store.async_upsert("h", documents(3))
    with pytest.raises(InvalidValueError):
        await store.async_upsert("h", [*documents(250), Document(content="bad", embedding=bad)])
    assert store.get_count() == 3


async def test_more_words_than_a_tsvector_holds(make_store: MakeStore) -> None:
    store = make_store("keyword")
    long = "beginning " + " ".join(f"word{n}" for n in range(200_000))
    await store.async_upsert("h", [Document(content=long)])
    assert contents(await store.async_search("beginning")) == [long]


@BOTH
async def test_writers_of_one_content_never_mix(make_store: MakeStore) -> None:
    store = make_store("keyword")

    async def write(writer: int) -> None:
        await store.async_upsert("h", [Document(content=f"chunk {n} by {writer}") for n in range(30)], batch_size=5)

    await asyncio.gather(*(write(writer) for writer in range(4)))
    found = await store.async_search("chunk", 100)
    assert len(found) == 30
    assert len({d.content.split()[-1] for d in found}) == 1


@BOTH
async def test_a_content_and_its_vectors_are_stored_together(db: AsyncPostgresDb, make_store: MakeStore) -> None:
    store = make_store("vector")
    await store.async_create()
    record = KnowledgeRecord(id="c", name="content", description="")

    class LeftError(Exception):
        pass

    with pytest.raises(LeftError):
        async with db.transaction() as tx:
            await tx.knowledge.upsert(record)
            await store.on(tx).async_upsert("h", documents(3))
            assert len(await store.on(tx).async_search("w1x")) == 3
            raise LeftError
    assert store.get_count() == 0
    assert await db.knowledge.get("c") is None
    async with db.transaction() as tx:
        await tx.knowledge.upsert(record)
        await store.on(tx).async_upsert("h", documents(3))
    assert store.get_count() == 3
    with pytest.raises(ConfigurationError):
        store.on(db)


async def test_pgvector_in_another_schema(make_store: MakeStore, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions")
    await connection.close()
    store = make_store("hybrid", quantization="halfvec", table_name='odd "na:me')
    await store.async_upsert("h", documents(50))
    await store.async_optimize()
    assert len(await store.async_search("w1x", 5, {"ten": 1})) == 5
    await store.async_drop()
    assert not store.exists()


async def test_a_table_of_other_embeddings(make_store: MakeStore) -> None:
    await make_store("keyword").async_create()
    with pytest.raises(ConfigurationError):
        await make_store("keyword", embedder=HashingEmbedder(8)).async_search("x")
    with pytest.raises(ConfigurationError):
        await make_store("keyword", content_language="german").async_search("x")
    with pytest.raises(SchemaOutdatedError) as outdated:
        await make_store("keyword", table_name="another", create_schema=False).async_search("x")
    assert str(outdated.value).endswith("agnodb upgrade --vector another:16")


async def test_without_a_database_object(postgres_url: str) -> None:
    for given in ({"db_url": postgres_url}, {"db": PostgresDb(db_url=postgres_url)}):
        store = PgVector(table_name="kb", embedder=HashingEmbedder(), search_type="hybrid", **given)  # type: ignore[arg-type]
        await store.async_upsert("h", documents(5))
        assert len(store.search("w1x")) == 5
        assert store.id == PgVector(table_name="kb", embedder=HashingEmbedder(), db_url=postgres_url).id
        await store.close()
    with pytest.raises(ConfigurationError):
        PgVector(table_name="kb", embedder=HashingEmbedder())
    with pytest.raises(ConfigurationError):
        PgVector(table_name="kb", embedder=HashingEmbedder(), db_url="sqlite:///x.db")
