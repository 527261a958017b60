"""Documents with embeddings that are the same in every run: words are hashed into a vector."""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from agno.knowledge.document import Document
from agno.knowledge.embedder.base import Embedder

DIMENSIONS = 16

MakeStore = Callable[..., Any]
"""A fixture: makes stores that are closed after the test."""

BOTH = pytest.mark.parametrize("on", ["postgres", "sqlite"])
"""What holds for `PgVector` and for `SqliteVector`."""


class HashingEmbedder(Embedder):
    """Each word adds to two places of the vector."""

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        super().__init__(dimensions=dimensions)

    def get_embedding(self, text: str) -> list[float]:
        vector = [0.01] * (self.dimensions or 0)
        for word in text.lower().split():
            digest = hashlib.sha256(word.encode()).digest()
            for byte, sign in ((digest[0], 1.0), (digest[1], -0.5)):
                vector[byte % len(vector)] += sign
        return vector

    def get_embedding_and_usage(self, text: str) -> tuple[list[float], dict[str, Any] | None]:
        return self.get_embedding(text), {"words": len(text.split())}

    async def async_get_embedding(self, text: str) -> list[float]:
        return self.get_embedding(text)

    async def async_get_embedding_and_usage(self, text: str) -> tuple[list[float], dict[str, Any] | None]:
        return self.get_embedding_and_usage(text)


class RandomEmbedder(HashingEmbedder):
    """Each text has a direction of its own, near that of its first word."""

    def get_embedding(self, text: str) -> list[float]:
        first, own = random.Random(text.split()[0]), random.Random(text)
        return [first.gauss() + own.gauss(sigma=0.7) for _ in range(self.dimensions or 0)]


def texts(count: int, *, seed: int = 1, words: int = 300) -> list[str]:
    """Texts of words that are as unequally common as those of a language."""
    chosen = random.Random(seed)
    weights = [1 / rank for rank in range(1, words + 1)]
    return [
        " ".join(f"w{n}x" for n in chosen.choices(range(words), weights, k=chosen.randint(5, 40))) for _ in range(count)
    ]


def documents(count: int, **given: Any) -> list[Document]:
    """Documents with metadata by which every tenth, hundredth and so on can be found."""
    return [
        Document(
            id=f"d{i}", name=f"n{i}", content=content, meta_data={"number": i, "ten": i % 10, "kind": f"k{i % 100}"}
        )
        for i, content in enumerate(texts(count, **given))
    ]


def bm25(contents: Sequence[str], query: str, k1: float = 1.2, b: float = 0.75) -> dict[int, float]:
    """The reference: position of each text that has a word of the query -> its score, from the formula alone."""
    counted = [Counter(content.split()) for content in contents]
    average = sum(sum(words.values()) for words in counted) / len(counted)
    scores: dict[int, float] = {}
    for word, times in Counter(query.split()).items():
        df = sum(word in words for words in counted)
        idf = math.log(1 + (len(counted) - df + 0.5) / (df + 0.5))
        for place, words in enumerate(counted):
            if tf := words[word]:
                length = sum(words.values()) / average
                scores[place] = scores.get(place, 0.0) + times * idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length))
    return scores


def nearest(vectors: Sequence[Sequence[float]], query: Sequence[float], metric: str, count: int) -> list[int]:
    """The reference: the places of the nearest vectors."""

    def distance(vector: Sequence[float]) -> float:
        product = sum(x * y for x, y in zip(vector, query, strict=True))
        if metric == "max_inner_product":
            return -product
        return math.dist(vector, query) if metric == "l2" else 1 - product / (math.hypot(*vector) * math.hypot(*query))

    return sorted(range(len(vectors)), key=lambda place: distance(vectors[place]))[:count]
