"""The statements of a search: the nearest vectors, the best by BM25, or both fused. Each is one statement.

Index and settings are chosen inside of it. `set_config` in a CTE holds for the index scan of the same statement,
because pgvector reads its settings when the scan begins. How many rows a filter leaves is counted up to the number
that may be compared one by one: one branch of the UNION compares them, the other asks the index, and a condition
without a column (a one-time filter in the plan) keeps the other from being run. So the plan is the same for all
values, and a generic one is no worse.
"""

from __future__ import annotations

from sqlalchemy import Text, column, text
from sqlalchemy.sql.selectable import TextualSelect

from agnodb.models.vectors import LEXEMES, VectorPlace, literal, plain, quoted
from agnodb.rules.bm25 import FUSION_K, K1, SERIES, B
from agnodb.rules.vectors import candidates, ef_search, exact_rows, leg_limit
from agnodb.sql.bm25_extensions import best_by_extension

_OPERATORS = {"cosine": "<=>", "l2": "<->", "max_inner_product": "<#>"}
_FOUND = ("id", "name", "meta_data", "content", "embedding", "usage", "changed")
_EVEN = "'{1,1,1,1}'"  # the weights of the four classes of words


def table_of(place: VectorPlace) -> str:
    """The table's name in a statement."""
    return f"{_named(place.schema)}.{_named(place.name)}"


def _named(name: str) -> str:
    return plain(quoted(name))


def vector_search(place: VectorPlace, limit: int, condition: str) -> TextualSelect:
    """The `limit` nearest rows to `:embedding` within `:farthest`."""
    return _found(place, [*_nearest(place, limit, condition), f"found AS ({_FROM_NEAREST})"], "distance")


def keyword_search(place: VectorPlace, limit: int, condition: str, *, prefix: bool = False) -> TextualSelect:
    """The `limit` best rows for `:query`, of `:documents` with `:average` words each; with `prefix`, for words that
    begin like those of the query."""
    return _found(place, [*_best(place, limit, condition, prefix), f"found AS ({_FROM_BEST})"], "score DESC")


def hybrid_search(
    place: VectorPlace, limit: int, condition: str, *, by_rank: bool, prefix: bool = False
) -> TextualSelect:
    """Both, fused `by_rank` or by their scores; `:vector_weight` is the part of the vectors, from 0 to 1."""
    each = leg_limit(limit)
    fused = f"found AS ({_BY_RANK if by_rank else _BY_SCORE} ORDER BY score DESC, id LIMIT {limit})"
    return _found(
        place, [*_nearest(place, each, condition), *_best(place, each, condition, prefix), fused], "score DESC"
    )


_FROM_NEAREST = "SELECT id, distance, CAST(NULL AS float8) AS score FROM nearest"
_FROM_BEST = "SELECT id, CAST(NULL AS float8) AS distance, score FROM best"
_BOTH = (
    "FROM (SELECT id, distance, row_number() OVER (ORDER BY distance, id) AS place FROM nearest) AS n"
    " FULL JOIN (SELECT id, score, row_number() OVER (ORDER BY score DESC, id) AS place FROM best) AS b USING (id)"
)
_WEIGHT = "CAST(:vector_weight AS float8)"
_BY_RANK = (
    f"SELECT id, n.distance, {FUSION_K + 1} * ({_WEIGHT} * COALESCE(1.0 / ({FUSION_K} + n.place), 0)"
    f" + (1 - {_WEIGHT}) * COALESCE(1.0 / ({FUSION_K} + b.place), 0)) AS score {_BOTH}"
)
_BY_SCORE = (
    "SELECT id, n.distance, CAST(:vector_weight AS float8) * COALESCE(1 - (n.distance - min(n.distance) OVER ())"
    " / NULLIF(max(n.distance) OVER () - min(n.distance) OVER (), 0), CASE WHEN n.distance IS NULL THEN 0 ELSE 1 END)"
    f" + (1 - CAST(:vector_weight AS float8)) * COALESCE(b.score / max(b.score) OVER (), 0) AS score {_BOTH}"
)


def _found(place: VectorPlace, parts: list[str], order: str) -> TextualSelect:
    made = (
        f"WITH {', '.join(parts)} SELECT d.id, d.name, d.meta_data::text, d.content, d.embedding::text, d.usage::text,"
        " to_char(COALESCE(d.updated_at, d.created_at) AT TIME ZONE 'UTC',"
        ' \'YYYY-MM-DD"T"HH24\\:MI\\:SS.US"+00\\:00"\'),'
        f" f.distance, f.score FROM found AS f JOIN {table_of(place)} AS d ON d.id = f.id ORDER BY f.{order}, d.id"
    )
    return text(made).columns(*(column(name, Text) for name in _FOUND), column("distance"), column("score"))


# -- vectors --------------------------------------------------------------------------------------------------------


def _nearest(place: VectorPlace, limit: int, condition: str) -> list[str]:
    wanted = candidates(limit, place.quantization)
    distance = f"{{row}}.embedding {_operator(place, _OPERATORS[place.metric])} {query_vector(place)}"
    exact, near = distance.format(row="d"), distance.format(row="c")
    limited = f" AND (SELECT n FROM few) > {exact_rows(place.dimensions)}" if condition else ""
    seen = f" AND CASE WHEN {condition} THEN true ELSE false END" if condition else ""
    indexed = (
        f"SELECT c.id, {near} AS distance FROM (SELECT d.id, d.embedding FROM {table_of(place)} AS d"
        f" WHERE (SELECT count(*) FROM settings) = 1{limited}{seen} AND d.embedding IS NOT NULL"
        f" ORDER BY {indexed_distance(place)} LIMIT {wanted}) AS c ORDER BY distance LIMIT {limit}"
    )
    parts = [_settings(place, wanted)]
    if condition:
        parts.append(
            f"few AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT 1 FROM {table_of(place)} AS d WHERE {condition}"
            f" LIMIT {exact_rows(place.dimensions) + 1}) AS m)"
        )
        compared = (  # + 0: no index serves that
            f"SELECT d.id, {exact} AS distance FROM {table_of(place)} AS d WHERE {condition}"
            f" AND d.embedding IS NOT NULL AND (SELECT n FROM few) <= {exact_rows(place.dimensions)}"
            f" ORDER BY ({exact}) + 0 LIMIT {limit}"
        )
        indexed = f"({compared}) UNION ALL ({indexed})"
    within = "distance <= CAST(:farthest AS float8)"
    return [*parts, f"nearest AS (SELECT id, distance FROM ({indexed}) AS h WHERE {within} ORDER BY distance)"]


def _settings(place: VectorPlace, wanted: int) -> str:
    chosen = {"hnsw.ef_search": str(ef_search(wanted)), "hnsw.iterative_scan": "relaxed_order"}
    if place.method == "ivfflat":
        chosen = {"ivfflat.probes": "20", "ivfflat.iterative_scan": "relaxed_order"}
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in chosen.items())
    return f"settings AS MATERIALIZED (SELECT {calls})"


def _operator(place: VectorPlace, operator: str) -> str:
    return f"OPERATOR({_named(place.extension)}.{operator})"


def query_vector(place: VectorPlace) -> str:
    """The vector that is searched for."""
    return f"CAST(:embedding AS {_named(place.extension)}.vector)"


def indexed_distance(place: VectorPlace) -> str:
    """The distance that the index orders by."""
    operator = "<~>" if place.quantization == "binary" else _OPERATORS[place.metric]
    left, right = (indexed(place, what) for what in ("d.embedding", query_vector(place)))
    return f"{left} {_operator(place, operator)} {right}"


def indexed(place: VectorPlace, vector: str) -> str:
    """What the index holds of `vector`."""
    schema = _named(place.extension)
    if place.quantization == "halfvec":
        return f"(({vector})::{schema}.halfvec({place.dimensions}))"
    if place.quantization == "binary":
        return f"(({schema}.binary_quantize({vector}))::bit({place.dimensions}))"
    return vector


# -- words ----------------------------------------------------------------------------------------------------------

# A lexeme as a tsquery of its own.
_ASKED = "('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' || {})::tsquery"
_MOST = K1 + 1
_ROUNDING = 0.999999
_SEED = 200


def _best(place: VectorPlace, limit: int, condition: str, prefix: bool) -> list[str]:
    """CTEs of which `best` has the exact top of BM25. `words` are those asked for, each with its weight and the most
    that it can add (`bound`); `rest` is the most that it and all that weigh less can add.

    `seed` scores some rows: those with all words, and those with the rarest ones that are in enough rows. The score
    of the last that would be a hit is a floor: whoever is to be a hit has a word whose `rest` is above it, and where
    that word's `bound` is not, another one too.
    """
    table, seen = table_of(place), f" AND {condition}" if condition else ""
    if place.bm25 is not None:
        return [best_by_extension(place, table, limit, condition)]
    hit = f"d.{LEXEMES} @@ (SELECT {{}})"
    every, rarest = hit.format("every FROM whole"), hit.format("rarest FROM whole")
    row = f"SELECT d.{LEXEMES} FROM {table} AS d WHERE"
    return [
        *_words(place, prefix, 2 * limit),
        f"seed AS (SELECT s.score FROM (({row} {every}{seen} LIMIT {max(_SEED, limit)}) UNION ALL"
        f" ({row} {rarest} AND NOT {every}{seen} LIMIT {max(_SEED, limit)})) AS d{_SCORED})",
        "floor AS MATERIALIZED (SELECT COALESCE((SELECT score FROM seed ORDER BY score DESC"
        f" OFFSET {limit - 1} LIMIT 1), 0) * {_ROUNDING} AS score)",
        "needed AS MATERIALIZED (SELECT string_agg(CASE WHEN t.bound >= floor.score THEN t.asked::text"
        " ELSE t.asked::text || ' & (' || (SELECT string_agg(u.asked::text, ' | ') FROM words AS u"
        " WHERE u.place > t.place AND t.bound + u.rest >= floor.score) || ')' END, ' | ')::tsquery AS asked"
        " FROM words AS t, floor WHERE t.rest >= floor.score)",
        f"best AS (SELECT d.id, s.score FROM {table} AS d{_SCORED} WHERE {hit.format('asked FROM needed')}{seen}"
        f" ORDER BY s.score DESC, d.id LIMIT {limit})",
    ]


def _words(place: VectorPlace, prefix: bool, few: int) -> list[str]:
    """`words`, the lexemes of `:query`, and `whole`, all of them. A word's number of documents is what the planner's
    statistics say of common words, and counted by the index for the others."""
    table, language = table_of(place), plain(literal(place.language or ""))
    statistics = (
        f"schemaname = {plain(literal(place.schema))} AND tablename = {plain(literal(place.name))}"
        f" AND attname = '{LEXEMES}'"
    )
    documents = "CAST(:documents AS float8)"
    word = _ASKED.format("':*'" if prefix else "''")
    known = "NULL" if prefix else "CASE WHEN CAST(:estimated AS boolean) THEN common.frequency END"
    return [
        "common AS (SELECT u.lexeme, u.frequency FROM pg_stats, unnest(most_common_elems::text::text[],"
        f" most_common_elem_freqs) AS u(lexeme, frequency) WHERE {statistics})",
        f"asked AS MATERIALIZED (SELECT lexeme, COALESCE(cardinality(positions), 1) AS times, {word} AS asked"
        f" FROM unnest(to_tsvector({language}::regconfig, CAST(:query AS text))))",
        f"counted AS MATERIALIZED (SELECT a.*, COALESCE({known} * {documents},"
        f" (SELECT count(*) FROM {table} AS d WHERE d.{LEXEMES} @@ a.asked)) AS df"
        " FROM asked AS a LEFT JOIN common USING (lexeme))",
        f"weighed AS (SELECT asked, df, times * ln(1 + (greatest({documents}, df) - df + 0.5) / (df + 0.5)) AS weight"
        " FROM counted WHERE df > 0)",
        f"words AS MATERIALIZED (SELECT asked, weight, weight * {_MOST} AS bound, row_number() OVER heaviest AS place,"
        " sum(df) OVER heaviest - df AS rarer,"
        f" sum(weight * {_MOST}) OVER (heaviest ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS rest"
        " FROM weighed WINDOW heaviest AS (ORDER BY weight DESC, asked::text))",
        "whole AS MATERIALIZED (SELECT string_agg(asked::text, ' & ')::tsquery AS every,"
        " string_agg(asked::text, ' | ')::tsquery AS some,"
        f" string_agg(asked::text, ' | ') FILTER (WHERE rarer < {few})::tsquery AS rarest FROM words)",
    ]


_RANK = f"ts_rank({_EVEN}, v.lexemes"
_SCORED = (
    # A copy that changes nothing: each call of ts_rank would decompress the stored one again.
    f" CROSS JOIN LATERAL (SELECT setweight(d.{LEXEMES}, 'D') AS lexemes OFFSET 0) AS v"
    f" CROSS JOIN LATERAL (SELECT {_RANK}, whole.some)::float8 / {_RANK}, whole.some, 2) AS length FROM whole) AS l"
    f" CROSS JOIN LATERAL (SELECT sum(words.weight * f.tf * {_MOST}"
    f" / (f.tf + {K1} * ({1 - B} + {B} * l.length / CAST(:average AS float8))))"
    f" FROM words, LATERAL (SELECT round(1 / ({SERIES} * (1 - {_RANK}, words.asked)::float8)) - 0.5) AS tf) AS f)"
    " AS s(score)"
)


def statistics(place: VectorPlace, *, share: float | None) -> TextualSelect:
    """The number of documents (estimated, where the planner's is given back) and their average length, from a `share`
    in percent of the table's pages."""
    sample = "" if share is None else f" TABLESAMPLE SYSTEM ({share:.6f})"
    made = (
        f"SELECT avg(COALESCE((SELECT sum(cardinality(positions)) FROM unnest(d.{LEXEMES})), 0))::float8"
        f" FROM {table_of(place)} AS d{sample}"
    )
    return text(made).columns(column("average"))


def size(place: VectorPlace, counted_up_to: int) -> TextualSelect:
    """The number of documents, counted up to a limit; whether it is the planner's estimate; the number of pages."""
    estimate = (
        "SELECT pages, CASE WHEN relpages > 0 THEN reltuples * pages / relpages ELSE 0 END AS estimate"
        " FROM (SELECT reltuples::float8, relpages::float8,"
        " pg_relation_size(oid) / current_setting('block_size')::float8 AS pages FROM pg_class"
        f" WHERE oid = CAST({literal(table_of(place))} AS regclass)) AS c"
    )
    made = (
        f"SELECT CASE WHEN estimate > {counted_up_to} THEN estimate"
        f" ELSE (SELECT count(*) FROM {table_of(place)}) END::float8,"
        f" (estimate > {counted_up_to})::int::float8, pages::float8 FROM ({estimate}) AS e"
    )
    return text(made).columns(column("documents"), column("estimated"), column("pages"))
