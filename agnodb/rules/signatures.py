"""The nearest vectors without an index: signs first, then the vectors themselves.

A signature has one bit for each dimension, its sign, and is a 32nd of the vector. The first pass compares signatures
with the query and keeps the most promising rows; the second one compares their vectors. With numpy the first pass
weighs each sign with the query's value, which tells more than how many signs differ; without numpy it counts those.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import mul
from typing import Any

from agnodb.rules.vectors import Metric

_EXACT = 1_000
"""Up to how many rows are compared as they are."""

_FEWEST, _FLOATS, _OVERSAMPLING = 400, 150_000, 10
"""A first pass leaves that many rows, or that many numbers of vectors if these are more (few signs tell little, but
short vectors cost little), and ten for each row that is asked for."""


@dataclass(frozen=True)
class Signed:
    """What a first pass knows of the rows."""

    numbers: Sequence[int]
    signatures: str
    """In hexadecimal, end to end."""
    lengths: Sequence[float]
    """Of their vectors."""


Whole = tuple[int, bytes, float]
"""A row's number, its vector and that one's length."""


@cache
def numpy() -> Any:
    """numpy where it is installed, else None."""
    try:
        import numpy as found
    except ImportError:
        return None
    return found


def signature(vector: array[float]) -> bytes:
    """A bit for each dimension: whether it is above zero."""
    fast = numpy()
    if fast is not None:
        return bytes(fast.packbits(fast.frombuffer(vector, "f4") > 0))
    bits = "".join(map("01".__getitem__, map((0.0).__lt__, vector)))
    size = (len(vector) + 7) // 8
    return int(bits.ljust(size * 8, "0"), 2).to_bytes(size)


def length(vector: array[float]) -> float:
    """The length of `vector`."""
    return math.hypot(*vector)


def promising(rows: Signed, query: array[float], metric: Metric, limit: int) -> Sequence[int]:
    """The numbers of the rows among which the `limit` nearest to `query` are, but for few."""
    fast = numpy()
    wanted = max(_FEWEST, _FLOATS // len(query)) + _OVERSAMPLING * limit
    if len(rows.numbers) <= max(_EXACT, wanted):
        return rows.numbers
    if fast is None:
        return _by_counting(rows, query, metric, wanted)
    return _by_weighing(fast, rows, query, metric, wanted)


def nearest(given: Sequence[Whole], query: array[float], metric: Metric, limit: int) -> list[tuple[int, float]]:
    """The `limit` nearest rows with their distances, nearest first. Distances are pgvector's: of inner products, the
    negative one."""
    fast = numpy()
    if fast is None or not given:
        size = length(query)
        found = [(number, _distance(floats(blob), query, metric, own * size)) for number, blob, own in given]
    else:
        numbers, blobs, lengths = zip(*given, strict=True)
        table = fast.frombuffer(b"".join(blobs), "<f4").reshape(len(given), -1)
        distances = _distances(fast, table, fast.asarray(query), metric, fast.asarray(lengths))
        found = list(zip(numbers, distances.tolist(), strict=True))
    return sorted(found, key=lambda one: (one[1], one[0]))[:limit]


def floats(blob: bytes) -> array[float]:
    """The vector that is stored as `blob`."""
    made = array("f")
    made.frombytes(blob)
    return made


def _distance(vector: array[float], query: array[float], metric: Metric, sizes: float) -> float:
    if metric == "l2":
        return math.dist(vector, query)
    product: float = sum(map(mul, vector, query))
    return -product if metric == "max_inner_product" else 1 - product / sizes


def _distances(fast: Any, table: Any, query: Any, metric: Metric, lengths: Any) -> Any:
    if metric == "l2":
        return fast.linalg.norm(table - query, axis=1)
    products = fast.einsum("ij,j->i", table, query)  # no threads of BLAS, which others would wait for
    return -products if metric == "max_inner_product" else 1 - products / (lengths * fast.linalg.norm(query))


def _by_counting(rows: Signed, query: array[float], metric: Metric, wanted: int) -> list[int]:
    asked, dimensions, digits = int.from_bytes(signature(query)), len(query), 2 * len(signature(query))
    bits = (int(rows.signatures[at : at + digits], 16) for at in range(0, len(rows.signatures), digits))
    differing = list(map(int.bit_count, map(asked.__xor__, bits)))
    ranks: list[float] = differing  # type: ignore[assignment]  # cosine: fewer are nearer
    if metric != "cosine":
        size = length(query)
        products = [size * math.cos(math.pi * count / dimensions) for count in range(dimensions + 1)]
        each = zip(rows.lengths, differing, strict=True)
        if metric == "l2":
            ranks = [own * (own - 2 * products[count]) for own, count in each]
        else:
            ranks = [-own * products[count] for own, count in each]
    ranked = sorted(zip(ranks, rows.numbers, strict=True))
    return [number for _rank, number in ranked[:wanted]]


def _by_weighing(fast: Any, rows: Signed, query: array[float], metric: Metric, wanted: int) -> list[int]:
    size = (len(query) + 7) // 8
    asked = fast.zeros(size * 8, "f4")
    asked[: len(query)] = query
    signs = fast.unpackbits(fast.arange(256, dtype="u1")[:, None], axis=1).astype("f4") * 2 - 1
    sums = (asked.reshape(size, 8) @ signs.T).ravel()  # of each byte's place, for each of its values
    table = fast.frombuffer(bytes.fromhex(rows.signatures), "u1").reshape(-1, size)
    # The expected product of a unit vector with the signs of another one is sqrt(2 / pi) of their angle's cosine.
    products = sums[table + fast.arange(size) * 256].sum(axis=1) * math.sqrt(math.pi / 2 / len(query))
    if metric == "cosine":
        rank = -products
    else:
        own = fast.asarray(rows.lengths, "f4")
        rank = own * (own - 2 * products) if metric == "l2" else -own * products
    return [rows.numbers[place] for place in fast.argpartition(rank, wanted)[:wanted].tolist()]
