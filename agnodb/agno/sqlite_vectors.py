"""`SqliteVector`: a table of vectors in a SQLite file. See `agnodb.vector`."""

from __future__ import annotations

import logging
from typing import Any

from agno.vectordb.distance import Distance
from agno.vectordb.search import SearchType

from agnodb.agno.embedding import Progress
from agnodb.agno.vectors import VectorTable
from agnodb.databases.sql import SqlDatabase
from agnodb.databases.sync_sql import SyncSqlDatabase
from agnodb.databases.vector_engines import sqlite_ways_to
from agnodb.databases.vectors import SQLITE, VectorStore
from agnodb.models.sqlite_vectors import SqliteVectorPlace
from agnodb.urls import place_of

_log = logging.getLogger("agnodb.vectors")


class SqliteVector(VectorTable):
    """Chunks of knowledge in a SQLite file, found by vectors, by words (FTS5's BM25), or both.

        kb = SqliteVector(table_name="my_kb", db=AsyncSqliteDb(db_file="agno.db"), embedder=..., search_type="hybrid")
        knowledge = Knowledge(vector_db=kb, contents_db=db)

    `db`, an AsyncSqliteDb or a SqliteDb, lends its connections; else `db_file` or `db_url` says where the file is. agno
    calls some methods without awaiting them (`exists`, the deletes): those use connections of their own to the same
    file. A search by vectors compares the signs of all rows that the filters leave, and then the vectors of the most
    promising ones; numpy makes it faster and is not needed. A hybrid search fuses ranks, with `vector_score_weight` for
    the vectors' part. `content_language` is "english", whose words are stemmed, or "simple".

    The first call makes the table, unless `create_schema` is False. `progress(done, total)` is called while documents
    are embedded. Raises ConfigurationError for arguments that cannot be.
    """

    def __init__(
        self,
        table_name: str,
        db_file: str | None = None,
        db_url: str | None = None,
        name: str | None = None,
        description: str | None = None,
        id: str | None = None,
        embedder: Any = None,
        search_type: SearchType | str = SearchType.vector,
        distance: Distance | str = Distance.cosine,
        prefix_match: bool = False,
        vector_score_weight: float = 0.5,
        content_language: str = "english",
        reranker: Any = None,
        return_updated_at: bool = False,
        create_schema: bool = True,
        similarity_threshold: float | None = None,
        *,
        db: SqlDatabase | SyncSqlDatabase | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._ask(embedder, search_type, distance, vector_score_weight)
        self.table_name, self.create_schema, self.content_language = table_name, create_schema, content_language
        self.prefix_match, self.return_updated_at = prefix_match, return_updated_at
        place = SqliteVectorPlace(table_name, self.dimensions, self.distance.value, content_language)
        url, with_loop, without = sqlite_ways_to(db, db_file, db_url)
        stores = [
            VectorStore(way.engines, place, SQLITE, create=create_schema, owned=way.owned, direct=None, show=_log.info)
            for way in (with_loop, without)
        ]
        super().__init__(
            f"{place_of(url)}#{table_name}", stores, id=id, name=name, description=description,
            similarity_threshold=similarity_threshold, reranker=reranker, progress=progress,
        )  # fmt: skip
