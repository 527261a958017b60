"""`PgVector`: a table of vectors in PostgreSQL. See `agnodb.vector`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal, get_args

from agno.vectordb.distance import Distance
from agno.vectordb.search import SearchType
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.agno.embedding import Progress
from agnodb.agno.vectors import VectorTable
from agnodb.config import DEFAULT_SCHEMA
from agnodb.databases.sql import SqlDatabase
from agnodb.databases.sync_sql import SyncSqlDatabase
from agnodb.databases.vector_engines import ways_to
from agnodb.databases.vectors import POSTGRES, VectorStore
from agnodb.errors import ConfigurationError
from agnodb.migrations.vectors import Show
from agnodb.models.vectors import VectorPlace
from agnodb.rules.bm25 import Bm25Extension
from agnodb.rules.vectors import Quantization
from agnodb.urls import place_of

_log = logging.getLogger("agnodb.vectors")
_HNSW = {"m": 16, "ef_construction": 64}


class PgVector(VectorTable):
    """Chunks of knowledge in PostgreSQL with pgvector, found by vectors, by words (BM25), or both.

        kb = PgVector(table_name="my_kb", db=AsyncPostgresDb(db_url=...), embedder=..., search_type="hybrid")
        knowledge = Knowledge(vector_db=kb, contents_db=db)

    The arguments are those of agno's PgVector, and its tables are opened as they are. `db`, an AsyncPostgresDb or a
    PostgresDb, lends its connections; else `db_url` or `db_engine`, async or sync, says where the table is. agno calls
    some methods without awaiting them (`exists`, `content_hash_exists`, the deletes): those use connections of psycopg,
    as all methods do that are not coroutines; on a sync `db` the coroutines use asyncpg.

    New are `quantization`: "halfvec" or "binary" make the index smaller, and the full vectors choose among what it
    brings; `bm25`: "pg_textsearch" or "pg_search" where the server has that extension, whose index then ranks words;
    `fusion` of a hybrid search: "rrf" by ranks (the default), "weights" by scores, with `vector_score_weight`
    for the vectors' part in both; `progress(done, total)`, called while documents are embedded; and `show(line)`, for
    what is done to a table, and with phase and percents of an index while it is built: without `show` that is
    logged (`agnodb.vectors`).

    The first call makes the table, or what an older one lacks, unless `create_schema` is False. An index of the vectors
    is built by `optimize()` or `async_optimize()`; without one, all are compared, which takes 10 ms for 10,000.
    `vector_index` says how it is built (agno's HNSW or Ivfflat); how wide it is searched follows the limit.

    Errors are those of `agnodb.errors`: nothing that failed looks like an empty answer. Raises ConfigurationError for
    arguments that cannot be.
    """

    def __init__(
        self,
        table_name: str,
        schema: str = DEFAULT_SCHEMA,
        name: str | None = None,
        description: str | None = None,
        id: str | None = None,
        db_url: str | None = None,
        db_engine: AsyncEngine | Engine | None = None,
        embedder: Any = None,
        search_type: SearchType | str = SearchType.vector,
        vector_index: Any = None,
        distance: Distance | str = Distance.cosine,
        prefix_match: bool = False,
        vector_score_weight: float = 0.5,
        content_language: str = "english",
        schema_version: int = 1,
        reranker: Any = None,
        return_updated_at: bool = False,
        create_schema: bool = True,
        similarity_threshold: float | None = None,
        *,
        db: SqlDatabase | SyncSqlDatabase | None = None,
        quantization: Quantization | None = None,
        bm25: Bm25Extension | None = None,
        fusion: Literal["rrf", "weights"] = "rrf",
        progress: Progress | None = None,
        show: Show | None = None,
    ) -> None:
        if schema_version != 1:
            raise ConfigurationError("agno's PgVector has one version of its table, 1.")
        self._ask(embedder, search_type, distance, vector_score_weight)
        self.table_name, self.schema, self.vector_index = table_name, schema, vector_index
        self.prefix_match, self.return_updated_at = prefix_match, return_updated_at
        self.content_language = content_language
        self.create_schema, self.schema_version, self.fusion = create_schema, schema_version, fusion
        place = self._asked(quantization, bm25)
        url, with_loop, without = ways_to(db, db_url, db_engine)
        told = {"show": show or _log.info, "warn": show or _log.warning}
        stores = [
            VectorStore(way.engines, place, POSTGRES, create=create_schema, owned=way.owned, direct=way.direct, **told)
            for way in (with_loop, without)
        ]
        super().__init__(
            f"{place_of(url)}#{schema}.{table_name}", stores, id=id, name=name, description=description,
            similarity_threshold=similarity_threshold, reranker=reranker, progress=progress,
        )  # fmt: skip

    def _asked(self, quantization: Quantization | None, bm25: Bm25Extension | None) -> VectorPlace:
        if bm25 is not None and (bm25 not in get_args(Bm25Extension) or self.prefix_match):
            raise ConfigurationError("bm25 is pg_textsearch or pg_search, and both match whole words only.")
        by_words = self.search_type != SearchType.vector
        return VectorPlace(
            name=self.table_name, schema=self.schema, dimensions=self.dimensions, metric=self.distance.value,
            quantization=quantization, method="ivfflat" if hasattr(self.vector_index, "lists") else "hnsw",
            language=self.content_language if by_words else None, bm25=bm25 if by_words else None,
        )  # fmt: skip

    def _index_options(self) -> Sequence[tuple[str, int]]:
        index = self.vector_index
        if hasattr(index, "lists"):
            return () if getattr(index, "dynamic_lists", False) else (("lists", int(index.lists)),)
        return tuple((name, int(getattr(index, name, default))) for name, default in _HNSW.items())
