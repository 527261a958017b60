"""agno's own vector stores that have an engine in a package, each empty."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agno.knowledge.embedder.base import Embedder


class WordEmbedder(Embedder):
    """Each word adds to one place of the vector: the same in every run."""

    def __init__(self) -> None:
        super().__init__(dimensions=64)

    def get_embedding(self, text: str) -> list[float]:
        vector = [0.01] * 64
        for word in text.lower().replace(".", "").split():
            vector[hashlib.sha256(word.encode()).digest()[0] % 64] += 1.0
        return vector

    def get_embedding_and_usage(self, text: str) -> tuple[list[float], dict[str, Any] | None]:
        return self.get_embedding(text), None

    async def async_get_embedding(self, text: str) -> list[float]:
        return self.get_embedding(text)

    async def async_get_embedding_and_usage(self, text: str) -> tuple[list[float], dict[str, Any] | None]:
        return self.get_embedding(text), None


class Awaited:
    """A blocking client whose methods are awaited: the engine in this process has one client, and agno wants two."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        async def call(*args: Any, **given: Any) -> Any:
            return method(*args, **given)

        return call


class OlderSurreal:
    """The client of the engine in the package, which is SurrealDB 2: a function has another name in 3."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, query: str, *args: Any) -> Any:
        return self._client.query(query.replace("type::record($table, ", "type::thing($table, "), *args)


def lancedb(folder: Path) -> Any:
    from agno.vectordb.lancedb import LanceDb

    return LanceDb(uri=str(folder / "lance"), table_name="my_kb", embedder=WordEmbedder())


def chroma(folder: Path) -> Any:
    from agno.vectordb.chroma import ChromaDb

    return ChromaDb(collection="my_kb", path=str(folder / "chroma"), persistent_client=True, embedder=WordEmbedder())


def qdrant(folder: Path) -> Any:
    from agno.vectordb.qdrant import Qdrant
    from qdrant_client import QdrantClient

    store = Qdrant(collection="my_kb", path=str(folder / "qdrant"), embedder=WordEmbedder())
    client = QdrantClient(path=str(folder / "qdrant"))
    store._client, store._async_client = client, Awaited(client)  # a folder is one client's
    return store


def milvus(folder: Path) -> Any:
    from agno.vectordb.milvus import Milvus

    return Milvus(collection="my_kb", uri=str(folder / "milvus.db"), embedder=WordEmbedder())


def surrealdb(folder: Path) -> Any:
    from agno.vectordb.surrealdb import SurrealDb
    from surrealdb import Surreal

    client: Any = Surreal(f"surrealkv://{folder / 'surreal'}")
    client.use("my_kb", "my_kb")
    client = OlderSurreal(client)
    return SurrealDb(client=client, async_client=Awaited(client), collection="my_kb", embedder=WordEmbedder())


def chdb(folder: Path) -> Any:
    import clickhouse_connect
    from agno.vectordb.clickhouse import Clickhouse

    client = clickhouse_connect.get_client(interface="chdb")  # in memory: a process has one engine, with one place
    table = f"kb_{uuid.uuid4().hex[:12]}"
    return Clickhouse(table_name=table, host="", client=client, asyncclient=Awaited(client), embedder=WordEmbedder())


ADDING = ("qdrant",)
"""Those that keep the old chunks of a content that is loaded again, with agno's own databases too."""

STORES: dict[str, Callable[[Path], Any]] = {
    made.__name__: made for made in (lancedb, chroma, qdrant, milvus, surrealdb, chdb)
}
