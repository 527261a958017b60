"""Chunks of knowledge with their embeddings, and what a search of them asks for and finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document, with its embedding."""

    content: str
    embedding: Sequence[float]
    id: str | None = None
    """The document's own id, if it has one; else the chunk is known by its content."""
    name: str | None = None
    meta_data: Mapping[str, Any] | None = None
    usage: Mapping[str, Any] | None = None
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A row that a search has found. `score` is from 0 to 1, but for words, where it is BM25's and has no bound."""

    id: str
    name: str | None
    meta_data: dict[str, Any]
    content: str
    embedding: list[float] | None
    usage: dict[str, Any] | None
    changed: str | None
    score: float


@dataclass(frozen=True, slots=True)
class Owner:
    """The chunks of one content, and whose they are. Without a user they are everybody's."""

    content_hash: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class SearchBy:
    """How words and vectors are fused, and how near a row must be."""

    vector_weight: float = 0.5
    by_rank: bool = True
    prefix: bool = False
    threshold: float = 0.0


BY_DEFAULT = SearchBy()
