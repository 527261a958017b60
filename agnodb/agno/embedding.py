"""Embedding by agno's embedders: in batches where they can, else several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from agno.knowledge.document import Document

from agnodb.errors import InvalidValueError

Progress = Callable[[int, int], None]
"""Called with how many are done, and of how many."""

_AT_A_TIME = 16
_NOTHING = "The embedder gave no embedding for the query."


async def embedded(documents: Sequence[Document], embedder: Any, progress: Progress) -> list[Document]:
    """`documents` with their embeddings; those that have one keep it. Raises what the embedder raises."""
    missing = [d for d in documents if d.embedding is None or len(d.embedding) == 0]
    size = max(1, embedder.batch_size if _batches(embedder) else _AT_A_TIME)
    done = len(documents) - len(missing)
    for start in range(0, len(missing), size):
        part = missing[start : start + size]
        if _batches(embedder):
            vectors, usages = await embedder.async_get_embeddings_batch_and_usage([d.content for d in part])
            for document, vector, usage in zip(part, vectors, [*usages, *[None] * len(part)], strict=False):
                document.embedding, document.usage = vector, usage
        else:
            ended = await asyncio.gather(*(d.async_embed(embedder=embedder) for d in part), return_exceptions=True)
            for failure in ended:  # once nothing runs any more; a group of errors would hide agno's EmbeddingError
                if failure is not None:
                    raise failure
        done += len(part)
        progress(done, len(documents))
    return list(documents)


def embedded_now(documents: Sequence[Document], embedder: Any, progress: Progress) -> list[Document]:
    """As `embedded`, without an event loop."""
    for done, document in enumerate(documents, 1):
        if document.embedding is None or len(document.embedding) == 0:
            document.embed(embedder=embedder)
            progress(done, len(documents))
    return list(documents)


async def query_embedding(query: str, embedder: Any) -> Any:
    """The embedding of `query`. Raises InvalidValueError where the embedder gives none."""
    return _there(await embedder.async_get_embedding(query))


def query_embedding_now(query: str, embedder: Any) -> Any:
    """As `query_embedding`, without an event loop."""
    return _there(embedder.get_embedding(query))


def _there(embedding: Any) -> Any:
    if embedding is None or len(embedding) == 0:
        raise InvalidValueError(_NOTHING)
    return embedding


def _batches(embedder: Any) -> bool:
    return getattr(embedder, "enable_batch", False) is True and hasattr(
        embedder, "async_get_embeddings_batch_and_usage"
    )
