"""What a vector store decides: which embeddings it takes, which rows they are, and how wide a search looks."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Sequence
from typing import Any, Literal

import orjson

from agnodb.errors import InvalidValueError
from agnodb.rules.bm25 import FUSION_K

Metric = Literal["cosine", "l2", "max_inner_product"]
Quantization = Literal["halfvec", "binary"]

MAX_INDEXED = {"vector": 2_000, "halfvec": 4_000, "binary": 64_000}
"""The most dimensions that an index of pgvector holds, by what is in it."""

NO_METADATA = "Metadata to delete by are needed: an empty dictionary is in every row."

_MAX_LIMIT = 10_000
_FLOATS_AT_ONCE = 50_000
_OTHER_DIMENSIONS = "The embedding has another number of dimensions than the table."
_NO_NUMBERS = "The embedding is no list of numbers."
_NOT_FINITE = "The embedding holds NaN, infinity, or what is no number."
_ALL_ZEROS = "The embedding is all zeros: cosine distance has no meaning for it."
_EXACT_FLOATS = 4_000_000
_WIDEST = 1_000
_OVERSAMPLING = {None: 1, "halfvec": 3, "binary": 10}


def quantization_of(dimensions: int, asked: Quantization | None) -> Quantization | None:
    """What the index holds in place of the vectors: what was asked for, or the most precise that has room for them."""
    if asked is not None or dimensions <= MAX_INDEXED["vector"]:
        return asked
    return "halfvec" if dimensions <= MAX_INDEXED["halfvec"] else "binary"


def exact_rows(dimensions: int) -> int:
    """Up to how many rows are compared one by one: some ten milliseconds' worth. Beyond it the index is asked."""
    return max(1_000, _EXACT_FLOATS // dimensions)


def rows_at_once(dimensions: int, asked: int) -> int:
    """How many of the rows that a load was asked to send at a time are: writing them holds the loop for some five
    milliseconds, however long the vectors are and whatever was asked."""
    return max(1, min(asked, _FLOATS_AT_ONCE // dimensions))


def candidates(limit: int, quantization: Quantization | None) -> int:
    """How many rows the index is asked for, of which the full vectors choose `limit`."""
    return limit * _OVERSAMPLING[quantization]


def ef_search(wanted: int) -> int:
    """HNSW's width for `wanted` rows: at 100 the recall of ten is 0.99 and more, at agno's 5 it is 0.4."""
    return min(_WIDEST, max(100, 2 * wanted))


def leg_limit(limit: int) -> int:
    """How many rows each side of a hybrid search brings: one that is low in both can be high in the sum."""
    return max(50, 4 * limit)


def check_limit(limit: int) -> None:
    """Raises InvalidValueError for a number of rows that no search brings."""
    if not 0 < limit <= _MAX_LIMIT:
        raise InvalidValueError(f"A search has a limit from 1 to {_MAX_LIMIT}.")


def fused(near: Sequence[int], best: Sequence[int], vector_weight: float, limit: int) -> list[tuple[int, float]]:
    """The rows of both sides, each best first, and their scores by reciprocal rank fusion: from 0 to 1, best first."""
    scores: dict[int, float] = {}
    for weight, side in ((vector_weight, near), (1 - vector_weight, best)):
        for place, row in enumerate(side, 1):
            scores[row] = scores.get(row, 0.0) + (FUSION_K + 1) * weight / (FUSION_K + place)
    return sorted(scores.items(), key=lambda one: -one[1])[:limit]


def embedding_floats(embedding: Sequence[float], dimensions: int, metric: Metric) -> array[float]:
    """`embedding` in single precision. Raises what `embedding_text` raises."""
    if len(embedding) != dimensions:
        raise InvalidValueError(_OTHER_DIMENSIONS, got=len(embedding))
    try:
        made = array("f", _listed(embedding))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValueError(_NO_NUMBERS, detail=str(error)) from None
    if not all(map(math.isfinite, made)):
        raise InvalidValueError(_NOT_FINITE)
    if metric == "cosine" and not any(made):
        raise InvalidValueError(_ALL_ZEROS)
    return made


def embedding_text(embedding: Sequence[float], dimensions: int, metric: Metric) -> str:
    """`embedding` as pgvector reads it. Raises InvalidValueError for what no index can find again.

    That is another number of dimensions, NaN, infinity, what is no number, and with cosine, which has no angle for it,
    the zero vector: it would be stored and never come back.
    """
    if len(embedding) != dimensions:
        raise InvalidValueError(_OTHER_DIMENSIONS, got=len(embedding))
    try:
        written = orjson.dumps(_listed(embedding))
    except (TypeError, ValueError) as error:
        raise InvalidValueError(_NO_NUMBERS, detail=str(error)) from None
    if any(bad in written for bad in (b"n", b'"', b"t", b"f")):  # null (NaN, infinity), text, true, false
        raise InvalidValueError(_NOT_FINITE)
    if metric == "cosine" and not any(embedding):
        raise InvalidValueError(_ALL_ZEROS)
    return written.decode()


def _listed(embedding: Any) -> Any:
    tolist = getattr(embedding, "tolist", None)  # an array of numpy, which is not imported for it
    return tolist() if tolist is not None else list(embedding)


def row_id(document_id: str | None, content: str, content_hash: str, user_id: str | None) -> str:
    """The key of a chunk: the one that agno's PgVector gives it, so each replaces what the other has stored."""
    made = _digest(f"{document_id or _digest(content)}_{content_hash}")
    return made if user_id is None else _digest(f"{made}_{user_id}")


def _digest(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def similarity(distance: float, metric: Metric) -> float:
    """From 0 to 1, on agno's scale. `distance` is pgvector's: of inner products, the negative one."""
    if metric == "l2":
        return 1.0 / (1.0 + distance)
    found = 1.0 - distance if metric == "cosine" else (1.0 - distance) / 2.0
    return max(0.0, min(1.0, found))


def farthest(threshold: float, metric: Metric) -> float:
    """The distance at which the similarity is `threshold`; infinite where there is none."""
    if threshold <= 0:
        return float("inf")
    if metric == "l2":
        return 1.0 / threshold - 1.0
    return 1.0 - threshold if metric == "cosine" else 1.0 - 2.0 * threshold
