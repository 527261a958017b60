"""agno's `VectorDb` over a table of chunks, whatever database it is in. See `agnodb.vector`."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Self, TypeVar, overload

from agno.knowledge.document import Document
from agno.knowledge.utils import STORE_RECENCY_METADATA_KEY
from agno.utils.string import generate_id
from agno.vectordb.base import VectorDb, retrievable_documents
from agno.vectordb.distance import Distance
from agno.vectordb.search import SearchType

from agnodb.agno.embedding import Progress, embedded, embedded_now, query_embedding, query_embedding_now
from agnodb.contracts.vectors import VectorRows
from agnodb.databases.driving import drive
from agnodb.databases.vectors import VectorStore
from agnodb.errors import ConfigurationError
from agnodb.records.vectors import Chunk, Found, Owner, SearchBy

T = TypeVar("T")


class VectorTable(VectorDb):
    """agno's `VectorDb` over a table of chunks, with a loop and without one. Construct one of its subclasses.

    Errors are those of `agnodb.errors`: nothing that failed looks like an empty answer.
    """

    fusion: str = "rrf"
    prefix_match = False
    return_updated_at = False

    def __init__(
        self, seed: str, stores: Sequence[VectorStore], *, id: str | None, name: str | None, description: str | None,
        similarity_threshold: float | None, reranker: Any, progress: Progress | None,
    ) -> None:  # fmt: skip
        super().__init__(
            id=id or generate_id(seed), name=name, description=description, similarity_threshold=similarity_threshold
        )
        self._async, self._sync = stores
        if reranker is not None:
            self.reranker = reranker
        self._progress: Progress = progress or (lambda _done, _total: None)
        self._joined: VectorRows | None = None

    def _ask(
        self, embedder: Any, search_type: SearchType | str, distance: Distance | str, vector_score_weight: float
    ) -> None:
        """Keep what a search needs. Raises ConfigurationError for what cannot be."""
        if not 0 <= vector_score_weight <= 1:
            raise ConfigurationError("vector_score_weight is a number from 0 to 1.")
        self.search_type, self.distance = SearchType(search_type), Distance(distance)
        self.embedder = embedder if embedder is not None else _default_embedder()
        if not self.embedder.dimensions:
            raise ConfigurationError("The embedder must say how many dimensions it makes.")
        self.dimensions: int = self.embedder.dimensions
        self.vector_score_weight = vector_score_weight

    # -- rows -------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> VectorRows:
        """The chunks themselves, for calls of one's own: coroutines that agno has as blocking methods only."""
        return self._joined or self._async.rows

    def on(self, transaction: Any) -> Self:
        """This store inside `async with db.transaction() as tx`: its coroutines are part of that transaction.

        So a row of an application, or a content's, and its vectors are stored together or not at all.
        """
        joined = copy.copy(self)
        joined._joined = self._async.inside(transaction)
        return joined

    def _now(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return drive(coroutine)

    # -- table ------------------------------------------------------------------------------------------------

    def create(self) -> None:
        """Make the table, or what it lacks."""
        self._now(self._sync.create())

    async def async_create(self) -> None:
        """See `create`."""
        await self._async.create()

    def exists(self) -> bool:
        """Whether the table is there."""
        return self._now(self._sync.exists())

    async def async_exists(self) -> bool:
        """See `exists`."""
        return await self._async.exists()

    table_exists = exists

    def drop(self) -> None:
        """Drop the table, if it is there."""
        self._now(self._sync.drop())

    async def async_drop(self) -> None:
        """See `drop`."""
        await self._async.drop()

    def optimize(self, force_recreate: bool = False) -> None:
        """Build the indexes that are built as a whole, if they are missing. After a bulk load."""
        self._now(self._sync.optimize(self._index_options(), again=force_recreate))

    async def async_optimize(self, force_recreate: bool = False) -> None:
        """See `optimize`."""
        await self._async.optimize(self._index_options(), again=force_recreate)

    def _index_options(self) -> Sequence[tuple[str, int]]:
        return ()

    async def close(self) -> None:
        """Close the connections of this store's own, not those of `db` or `db_engine`."""
        await self._async.close()
        self._now(self._sync.close())

    # -- storing ----------------------------------------------------------------------------------------------

    def upsert_available(self) -> bool:
        """True."""
        return True

    async def async_insert(
        self, content_hash: str, documents: list[Document], filters: dict[str, Any] | None = None,
        user_id: str | None = None, batch_size: int = 100,
    ) -> None:  # fmt: skip
        """Store `documents`: all of them, or none and an error. One that is stored already is overwritten.

        `filters` become metadata of each. The chunks belong to `user_id`; without one they are everybody's.
        """
        chunks = _Chunks(await embedded(documents, self.embedder, self._progress))
        await self.rows.add(Owner(content_hash, user_id), chunks, filters, batch=batch_size)

    async def async_upsert(
        self, content_hash: str, documents: list[Document], filters: dict[str, Any] | None = None,
        user_id: str | None = None, batch_size: int = 100,
    ) -> None:  # fmt: skip
        """Put `documents` in place of what `user_id` has stored of that content: in one transaction, one at a time."""
        chunks = _Chunks(await embedded(documents, self.embedder, self._progress))
        await self.rows.replace(Owner(content_hash, user_id), chunks, filters, batch=batch_size)

    def insert(
        self, content_hash: str, documents: list[Document], filters: dict[str, Any] | None = None,
        user_id: str | None = None, batch_size: int = 100,
    ) -> None:  # fmt: skip
        """See `async_insert`."""
        chunks = _Chunks(embedded_now(documents, self.embedder, self._progress))
        self._now(self._sync.rows.add(Owner(content_hash, user_id), chunks, filters, batch=batch_size))

    def upsert(
        self, content_hash: str, documents: list[Document], filters: dict[str, Any] | None = None,
        user_id: str | None = None, batch_size: int = 100,
    ) -> None:  # fmt: skip
        """See `async_upsert`."""
        chunks = _Chunks(embedded_now(documents, self.embedder, self._progress))
        self._now(self._sync.rows.replace(Owner(content_hash, user_id), chunks, filters, batch=batch_size))

    def update_metadata(self, content_id: str, metadata: dict[str, Any]) -> None:
        """Add `metadata` to those of the content's chunks."""
        self._now(self._sync.rows.update_metadata(content_id, metadata))

    # -- searching --------------------------------------------------------------------------------------------

    async def async_search(
        self, query: str, limit: int = 5, filters: Any = None, user_id: str | None = None
    ) -> list[Document]:
        """The best chunks for `query`, by the search type. With `user_id`: that user's, and everybody's.

        `filters` is a dictionary that the metadata must contain, or a list of agno's filter expressions. The score is
        `similarity_score` in the metadata: from 0 to 1, but for words BM25's, which has no bound.
        """
        by, kind = self._by(), self.search_type
        if kind == SearchType.keyword:
            found = await self.rows.best(query, limit, filters, user_id, by)
        else:
            embedding = await query_embedding(query, self.embedder)
            if kind == SearchType.vector:
                found = await self.rows.nearest(embedding, limit, filters, user_id, by)
            else:
                found = await self.rows.hybrid(query, embedding, limit, filters, user_id, by)
        documents = self._documents(found)
        reranker = self.reranker
        return documents if reranker is None else await _reranked(reranker, query, documents)

    def search(self, query: str, limit: int = 5, filters: Any = None, user_id: str | None = None) -> list[Document]:
        """See `async_search`."""
        by, kind, rows = self._by(), self.search_type, self._sync.rows
        if kind == SearchType.keyword:
            found = self._now(rows.best(query, limit, filters, user_id, by))
        else:
            embedding = query_embedding_now(query, self.embedder)
            if kind == SearchType.vector:
                found = self._now(rows.nearest(embedding, limit, filters, user_id, by))
            else:
                found = self._now(rows.hybrid(query, embedding, limit, filters, user_id, by))
        documents = self._documents(found)
        return documents if self.reranker is None else list(self.reranker.rerank(query=query, documents=documents))

    def _by(self) -> SearchBy:
        return SearchBy(
            vector_weight=self.vector_score_weight,
            by_rank=self.fusion == "rrf",
            prefix=self.prefix_match,
            threshold=self.similarity_threshold or 0.0,
        )

    def _documents(self, found: Sequence[Found]) -> list[Document]:
        return [
            Document(
                id=one.id,
                name=one.name,
                content=one.content,
                meta_data={**one.meta_data, **self._recency(one), "similarity_score": one.score},
                embedder=self.embedder,
                embedding=one.embedding,
                usage=one.usage,
            )
            for one in found
        ]

    def _recency(self, one: Found) -> Mapping[str, Any]:
        return {STORE_RECENCY_METADATA_KEY: one.changed} if self.return_updated_at and one.changed else {}

    def get_supported_search_types(self) -> list[str]:
        """All of agno's."""
        return [SearchType.vector, SearchType.keyword, SearchType.hybrid]

    # -- looking and deleting ---------------------------------------------------------------------------------

    def name_exists(self, name: str) -> bool:
        """Whether a chunk has that name."""
        return self._now(self._sync.rows.exists("name", name))

    async def async_name_exists(self, name: str) -> bool:  # type: ignore[override]  # agno's is no coroutine, by mistake
        """See `name_exists`."""
        return await self.rows.exists("name", name)

    def id_exists(self, id: str) -> bool:
        """Whether there is a chunk with that id."""
        return self._now(self._sync.rows.exists("id", id))

    def content_hash_exists(self, content_hash: str, user_id: str | None = None) -> bool:
        """Whether `user_id` has chunks of that content; without a user, whether there are shared ones."""
        return self._now(self._sync.rows.holds(Owner(content_hash, user_id)))

    def get_count(self) -> int:
        """The number of chunks."""
        return self._now(self._sync.rows.count())

    def delete(self) -> bool:
        """Delete all chunks. True."""
        self._now(self._sync.rows.delete())
        return True

    def delete_by_id(self, id: str) -> bool:
        """Whether there was a chunk with that id; it is deleted."""
        return self._now(self._sync.rows.delete(id=id)) > 0

    def delete_by_name(self, name: str) -> bool:
        """Whether there were chunks of that name; they are deleted."""
        return self._now(self._sync.rows.delete(name=name)) > 0

    def delete_by_metadata(self, metadata: dict[str, Any]) -> bool:
        """Whether there were chunks with these metadata; they are deleted."""
        return self._now(self._sync.rows.delete_by_metadata(metadata)) > 0

    def delete_by_content_id(self, content_id: str, user_id: str | None = None) -> bool:
        """Whether there were chunks of that content, of `user_id` or without one of anybody; they are deleted."""
        return self._now(self._sync.rows.delete(content_id=content_id, user_id=user_id)) > 0

    def __deepcopy__(self, _memo: Any) -> Self:
        """The same store: AgentOS deep-copies an agent for every request, and its connections are all one pool."""
        return self


class _Chunks(Sequence[Chunk]):
    """Documents as chunks, made when a batch of them is asked for: ten thousand at once would hold the loop."""

    def __init__(self, documents: list[Document]) -> None:
        self._documents = retrievable_documents(documents)

    def __len__(self) -> int:
        return len(self._documents)

    @overload
    def __getitem__(self, place: int) -> Chunk: ...
    @overload
    def __getitem__(self, place: slice) -> list[Chunk]: ...
    def __getitem__(self, place: int | slice) -> Chunk | list[Chunk]:
        if isinstance(place, slice):
            return [_chunk(document) for document in self._documents[place]]
        return _chunk(self._documents[place])


def _chunk(document: Document) -> Chunk:
    return Chunk(
        content=document.content,
        embedding=document.embedding if document.embedding is not None else (),
        id=document.id,
        name=document.name,
        meta_data=document.meta_data,
        usage=document.usage,
        content_id=document.content_id,
    )


async def _reranked(reranker: Any, query: str, documents: list[Document]) -> list[Document]:
    arerank: Callable[..., Any] | None = getattr(reranker, "arerank", None)
    if arerank is None:
        return list(await asyncio.to_thread(reranker.rerank, query, documents))
    return list(await arerank(query, documents))


def _default_embedder() -> Any:
    from agno.knowledge.embedder.openai import OpenAIEmbedder

    return OpenAIEmbedder()
