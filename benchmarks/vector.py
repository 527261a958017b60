"""`python -m benchmarks.vector`: agno's PgVector and agnodb's on the same documents, in turns on one PostgreSQL.

Documents are made: vectors in clusters, words as unequally common as those of a language. agno's indexes are
made by hand as its `optimize()` would (over psycopg 3 that fails in 3.1.10), and one for metadata besides.
Recall is that of exact search, and keyword's first ten are compared with BM25 by its formula alone. `--sqlite`
measures agnodb's store in a SQLite file instead, on 10,000 documents, with numpy and without.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy
from agno.knowledge.document import Document
from agno.knowledge.embedder.base import Embedder
from agno.vectordb.pgvector import HNSW
from agno.vectordb.pgvector import PgVector as AgnosPgVector
from agno.vectordb.search import SearchType
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text

from agnodb import AsyncPostgresDb
from agnodb.rules import signatures
from agnodb.rules.bm25 import Bm25Extension
from agnodb.testing.servers import PostgresServer
from agnodb.vector import PgVector, SqliteVector
from benchmarks.__main__ import database, server

DIMENSIONS, CLUSTERS, WORDS, TOP = 384, 200, 30_000, 10
KINDS = ("vector", "keyword", "hybrid")
FILTERS: dict[str, dict[str, Any]] = {"1 in 10": {"ten": 3}, "1 in 100": {"hundred": 3}, "1 in 1000": {"thousand": 3}}
Search = Callable[[str, dict[str, Any] | None], Coroutine[Any, Any, list[Document]]]


class Corpus(Embedder):
    """The documents, and the embedder that knows their vectors and those of the queries."""

    def __init__(self, count: int, queries: int) -> None:
        super().__init__(dimensions=DIMENSIONS)
        chosen = numpy.random.default_rng(7)
        centres = chosen.normal(size=(CLUSTERS, DIMENSIONS))
        common = 1 / (numpy.arange(WORDS) + 20)
        common /= common.sum()

        def vectors(places: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
            made = centres[places % CLUSTERS] + chosen.normal(size=(len(places), DIMENSIONS)) * 0.6
            return made / numpy.linalg.norm(made, axis=1, keepdims=True)

        self.contents = [
            " ".join(f"w{word}x" for word in chosen.choice(WORDS, size=int(chosen.integers(40, 200)), p=common))
            for _ in range(count)
        ]
        self.vectors = vectors(numpy.arange(count))
        self.asked = vectors(chosen.integers(0, CLUSTERS, size=queries))
        self.queries = [" ".join(chosen.choice(self.contents[n].split(), size=4)) for n in range(queries)]
        self._known = dict(zip(self.queries, self.asked.tolist(), strict=True))

    def documents(self) -> list[Document]:
        return [
            Document(id=f"d{n}", name=f"n{n}", content=content, embedding=vector,
                     meta_data={"n": n, "ten": n % 10, "hundred": n % 100, "thousand": n % 1000})
            for n, (content, vector) in enumerate(zip(self.contents, self.vectors.tolist(), strict=True))
        ]  # fmt: skip

    def get_embedding(self, text: str) -> list[float]:
        return self._known[text]

    async def async_get_embedding(self, text: str) -> list[float]:
        return self._known[text]

    def nearest(self, query: int, filters: dict[str, Any] | None) -> set[int]:
        scores = self.vectors @ self.asked[query]
        ((every, rest),) = [
            ({"ten": 10, "hundred": 100, "thousand": 1000}[k], v) for k, v in (filters or {}).items()
        ] or [(1, 0)]
        places = numpy.arange(len(scores))[rest::every]
        return {int(n) for n in places[numpy.argsort(-scores[places])[:TOP]]}

    def best(self, query: int) -> tuple[dict[int, float], float]:
        """The scores of the documents that have a word of the query, and that of the tenth."""
        if not hasattr(self, "_words"):
            self._words = [Counter(content.split()) for content in self.contents]
            self._average = statistics.fmean(sum(words.values()) for words in self._words)
            self._in = Counter(word for words in self._words for word in words)
        scores: dict[int, float] = {}
        for word, times in Counter(self.queries[query].split()).items():
            df = self._in[word]
            idf = math.log(1 + (len(self._words) - df + 0.5) / (df + 0.5))
            for n, words in enumerate(self._words):
                if tf := words[word]:
                    length = words.total() / self._average
                    scores[n] = scores.get(n, 0) + times * idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length))
        return scores, sorted(scores.values(), reverse=True)[:TOP][-1]


@dataclass
class Measured:
    """One kind of search on one side."""

    seconds: list[float] = field(default_factory=list)
    right: int = 0
    wanted: int = 0
    fewest: int = TOP

    def add(self, seconds: float, found: int, right: int, wanted: int) -> None:
        self.seconds.append(seconds)
        self.right, self.wanted, self.fewest = self.right + right, self.wanted + wanted, min(self.fewest, found)

    def told(self, *, exact: bool) -> str:
        recall = f" recall {self.right / self.wanted:.3f}," if exact else ""
        fastest = min(self.seconds) * 1000
        return f"{statistics.median(self.seconds) * 1000:.1f} ms (fastest {fastest:.1f}),{recall} {self.fewest} rows"


@dataclass(frozen=True)
class Held:
    """How long some work takes, and the longest time for which it has held the event loop, in seconds."""

    took: float
    latest: float
    own: float
    """The most that this thread itself has worked between two beats: others use the machine too."""

    def told(self, documents: int) -> str:
        held = f"{self.latest * 1000:.0f} ms ({self.own * 1000:.1f} ms of its own)"
        return f"{documents / self.took:.0f} a second, loop held {held}"


async def heartbeat(work: Coroutine[Any, Any, None]) -> Held:
    latest, own = 0.0, 0.0
    last = time.perf_counter(), time.thread_time()

    def beat() -> None:
        nonlocal latest, own, last
        now = time.perf_counter(), time.thread_time()
        latest, own, last = max(latest, now[0] - last[0]), max(own, now[1] - last[1]), now

    async def beating() -> None:
        while True:
            beat()
            await asyncio.sleep(0.001)

    task = asyncio.create_task(beating())
    await asyncio.sleep(0)
    began = time.perf_counter()
    await work
    took = time.perf_counter() - began
    beat()
    task.cancel()
    return Held(took, latest, own)


async def measure(url: str, count: int, queries: int, bm25: Bm25Extension | None) -> list[tuple[str, dict[str, str]]]:
    corpus, rows = Corpus(count, queries), []
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    agnos = AgnosPgVector("agnos", db_engine=engine, embedder=corpus, vector_index=HNSW())
    async with AsyncPostgresDb(db_url=url) as db:
        ours = PgVector("ours", db=db, embedder=corpus, search_type="hybrid", bm25=bm25)
        alone = PgVector("alone", db=db, embedder=corpus, search_type="vector")
        rows += await _loads(corpus, {"vectors": (agnos, alone), "vectors and words": (None, ours)})
        await alone.async_drop()
        with engine.begin() as connection:
            hnsw = "USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 200)"
            connection.execute(text(f"CREATE INDEX ON ai.agnos {hnsw}"))
            connection.execute(text("CREATE INDEX ON ai.agnos USING gin (to_tsvector('english', content))"))
            connection.execute(text("CREATE INDEX ON ai.agnos USING gin (meta_data jsonb_path_ops)"))
        await ours.async_optimize()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE ai.agnos"))
        sides = {"agno": agnos, "agnodb": ours}
        for kind in KINDS:
            rows.append((kind, await _searches(corpus, sides, kind, None)))
        for name, filters in FILTERS.items():
            rows.append((f"vector, {name}", await _searches(corpus, sides, "vector", filters)))
        await ours.close()
        await alone.close()
    engine.dispose()
    return rows


async def measure_loads(url: str, count: int) -> list[tuple[str, dict[str, str]]]:
    """Loads alone: agnodb's, and how long they hold the event loop."""
    corpus = Corpus(count, 1)
    async with AsyncPostgresDb(db_url=url) as db:
        ours = PgVector("ours", db=db, embedder=corpus, search_type="hybrid")
        alone = PgVector("alone", db=db, embedder=corpus, search_type="vector")
        rows = await _loads(corpus, {"vectors": (None, alone), "vectors and words": (None, ours)})
        await ours.close()
        await alone.close()
    return rows


async def _loads(corpus: Corpus, loads: dict[str, tuple[Any, Any]]) -> list[tuple[str, dict[str, str]]]:
    """agno has no index of words while it loads: its `create()` makes none."""
    rows = []
    for what, stores in loads.items():
        told = {"agno": "", "agnodb": ""}
        for side, store in zip(told, stores, strict=True):
            if store is None:
                continue
            documents = corpus.documents()
            await store.async_create()
            gc.collect()
            gc.freeze()  # the corpus is not the store's
            told[side] = (await heartbeat(store.async_upsert("h", documents))).told(len(documents))
        rows.append((f"insert {what}", told))
    return rows


async def _searches(corpus: Corpus, sides: dict[str, Any], kind: str, filters: dict[str, Any] | None) -> dict[str, str]:
    measured = {side: Measured() for side in sides}
    for number, query in enumerate(corpus.queries):
        order = list(sides.items())
        for side, store in order if number % 2 else order[::-1]:
            store.search_type = SearchType(kind)
            began = time.perf_counter()
            found = await store.async_search(query, TOP, filters)
            took = time.perf_counter() - began
            places = [document.meta_data["n"] for document in found]
            if kind == "keyword":
                scores, tenth = corpus.best(number)
                right, wanted = sum(scores.get(n, 0) >= tenth * 0.9999 for n in places), min(TOP, len(scores))
            else:
                exact = corpus.nearest(number, filters)
                right, wanted = len({*places} & exact), len(exact)
            if number >= 5:  # the first ones make plans
                measured[side].add(took, len(found), right, wanted)
    return {side: one.told(exact=kind != "hybrid") for side, one in measured.items()}


async def measure_sqlite(folder: str, count: int, queries: int) -> list[tuple[str, dict[str, str]]]:
    """agnodb's store in one file; its two sides are with numpy and without."""
    corpus, rows, found = Corpus(count, queries), [], signatures.numpy
    store = SqliteVector("ours", db_file=f"{folder}/kb.db", embedder=corpus, search_type="hybrid")
    documents = corpus.documents()
    await store.async_create()
    told = (await heartbeat(store.async_upsert("h", documents))).told(len(documents))
    rows.append(("insert vectors and words", {"numpy": told, "plain": ""}))
    searches: list[tuple[str, str, dict[str, Any] | None]] = [(kind, kind, None) for kind in KINDS]
    searches += [(f"vector, {name}", "vector", filters) for name, filters in FILTERS.items()]
    for name, kind, filters in searches:
        told_of = {}
        for side, numbers in (("numpy", found), ("plain", lambda: None)):
            signatures.numpy = numbers  # type: ignore[assignment]
            told_of |= await _searches(corpus, {side: store}, kind, filters)
        rows.append((name, told_of))
    await store.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vector", description=__doc__)
    parser.add_argument("--url", help="a PostgreSQL server, as a user who may create databases (default: the wheel's)")
    parser.add_argument("--quick", action="store_true", help="10,000 documents instead of 50,000")
    parser.add_argument("--sqlite", action="store_true", help="agnodb's store in a SQLite file, with numpy and without")
    parser.add_argument("--loads", action="store_true", help="agnodb's loads alone, which hold the loop how long")
    extensions = get_args(Bm25Extension)
    parser.add_argument("--bm25", choices=extensions, help="words by an extension of the server: tools/bm25_extensions")
    given = parser.parse_args()
    if given.sqlite:
        with tempfile.TemporaryDirectory() as folder:
            rows = asyncio.run(measure_sqlite(folder, 10_000, 50))
        show(f"10000 x {DIMENSIONS}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores", rows)
        return
    count, queries = (10_000, 30) if given.quick else (50_000, 25)
    with server(given.url) as access, database(access) as url:
        if given.bm25 and isinstance(access, PostgresServer):
            access.preload(given.bm25)
        rows = asyncio.run(measure_loads(url, count) if given.loads else measure(url, count, queries, given.bm25))
        title = f"{count} x {DIMENSIONS}, {access.version()}, {os.cpu_count()} cores"
    show(title, rows)


def show(title: str, rows: list[tuple[str, dict[str, str]]]) -> None:
    """Print `rows`, each side a column."""
    sides = list(rows[0][1])
    table = Table("", *sides, title=title)
    for name, found in rows:
        table.add_row(name, *(found[side] for side in sides))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
