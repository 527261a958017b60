"""The models around a store: an embedder that takes texts in batches, and a reranker that has the last word."""

from __future__ import annotations

from typing import Any

from agno.knowledge.document import Document
from agno.knowledge.reranker.base import Reranker
from chunks import BOTH, HashingEmbedder, MakeStore, documents


class BatchingEmbedder(HashingEmbedder):
    """Counts its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.enable_batch, self.batch_size = True, 20
        self.asked: list[int] = []

    async def async_get_embeddings_batch_and_usage(
        self, texts: list[str]
    ) -> tuple[list[list[float]], list[dict[str, Any] | None]]:
        self.asked.append(len(texts))
        return [self.get_embedding(text) for text in texts], [{"words": len(text.split())} for text in texts]


class Longest(Reranker):
    """The longest content comes first, and no more than two."""

    def rerank(self, query: str, documents: list[Document]) -> list[Document]:
        return sorted(documents, key=lambda document: -len(document.content))[:2]


@BOTH
async def test_texts_are_embedded_in_batches(make_store: MakeStore) -> None:
    embedder, told = BatchingEmbedder(), list[tuple[int, int]]()
    store = make_store("vector", embedder=embedder, progress=lambda *done: told.append(done))
    given = documents(50)
    given[0].embedding = [1.0] * 16  # it has one
    await store.async_upsert("h", given)
    assert embedder.asked == [20, 20, 9]
    assert told == [(21, 50), (41, 50), (50, 50)]
    (found,) = await store.async_search(given[7].content, 1)
    assert found.usage == {"words": len(found.content.split())}


@BOTH
async def test_a_reranker_has_the_last_word(make_store: MakeStore) -> None:
    store = make_store("hybrid", reranker=Longest())
    contents = ["cat", "cat and dog", "cat and dog and mouse"]
    await store.async_upsert("h", [Document(content=content) for content in contents])
    found = [document.content for document in await store.async_search("cat", 3)]
    assert found == contents[:0:-1]
    assert [document.content for document in store.search("cat", 3)] == found
