"""The best rows by BM25 where an extension of the server ranks words: `pg_textsearch` or `pg_search`."""

from __future__ import annotations

from agnodb.models.bm25 import index_name
from agnodb.models.vectors import VectorPlace, literal, plain, quoted


def best_by_extension(place: VectorPlace, table: str, limit: int, condition: str) -> str:
    """A CTE `best` with the rows of `table` that have a word of `:query`, and their scores."""
    ranked = (_by_textsearch if place.bm25 == "pg_textsearch" else _by_search)(place, table, condition)
    return f"best AS (SELECT id, score FROM ({ranked} LIMIT {limit}) AS h WHERE score > 0 ORDER BY score DESC, id)"


def _by_textsearch(place: VectorPlace, table: str, condition: str) -> str:
    # The index gives rows in the order of this operator, filtered or not. What has none of the words has rank 0.
    schema = plain(quoted(place.bm25_schema))
    index = plain(literal(f"{quoted(place.schema)}.{quoted(index_name(place.name))}"))
    rank = f"d.content OPERATOR({schema}.<@>) {schema}.to_bm25query(CAST(:query AS text), {index})"
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT d.id, ({rank}) * -1 AS score FROM {table} AS d{where} ORDER BY {rank}"


def _by_search(place: VectorPlace, table: str, condition: str) -> str:
    schema = plain(quoted(place.bm25_schema))
    found = (
        f"SELECT d.*, {schema}.score(d.id)::float8 AS score FROM {table} AS d"
        f" WHERE d.id @@@ {schema}.match('content', CAST(:query AS text))"
    )
    if not condition:
        return f"SELECT id, score FROM ({found}) AS d ORDER BY score DESC"
    # It refuses statements in whose filters it cannot see its own: those are left for what it found.
    return f"SELECT d.id, d.score FROM ({found} OFFSET 0) AS d WHERE {condition} ORDER BY d.score DESC"
