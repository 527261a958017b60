"""A table of embedded chunks: that of agno's PgVector, with one column of ours for searches by words."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, get_args

from sqlalchemy import Column, Computed, DateTime, Index, MetaData, String, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from agnodb.config import DEFAULT_SCHEMA, object_name
from agnodb.errors import ConfigurationError
from agnodb.rules.vectors import MAX_INDEXED, Metric, Quantization, quantization_of

LEXEMES = "agnodb_lexemes"
"""Ours: the words of `content`. Not there where only vectors are searched, since its index makes inserts slower."""

INDEXED_CHARACTERS = 200_000
"""Of a chunk's content: a tsvector holds 1 MB, and a row with more distinct words would be refused."""


@dataclass(frozen=True)
class VectorPlace:
    """Which table, and what is in it."""

    name: str
    schema: str
    dimensions: int
    metric: Metric = "cosine"
    quantization: Quantization | None = None
    """What the index holds in place of the vectors."""
    method: str = "hnsw"
    """hnsw or ivfflat."""
    language: str | None = None
    """PostgreSQL's text search configuration for words; None where only vectors are searched."""
    extension: str = "public"
    """The schema of pgvector."""

    def __post_init__(self) -> None:
        if not self.name or "\0" in f"{self.name}{self.schema}" or not self.schema:
            raise ConfigurationError("A table of vectors needs a name and a schema.")
        kept = quantization_of(self.dimensions, self.quantization)
        object.__setattr__(self, "quantization", kept)
        if not 0 < self.dimensions <= 16_000:
            raise ConfigurationError("A vector of pgvector has from 1 to 16,000 dimensions.")
        if self.dimensions > MAX_INDEXED[kept or "vector"]:
            raise ConfigurationError(f"An index with {kept} has room for {MAX_INDEXED[kept or 'vector']} dimensions.")

    def extended_by(self, schema: str) -> VectorPlace:
        """The same with pgvector in `schema`."""
        return replace(self, extension=schema)

    @property
    def upgrade(self) -> str:
        """The command that makes the table, or brings it up to date."""
        language = {None: ":none", "english": ""}.get(self.language, f":{self.language}")
        where = "" if self.schema == DEFAULT_SCHEMA else f" --schema {shlex.quote(self.schema)}"
        return f"agnodb upgrade{where} --vector {shlex.quote(f'{self.name}:{self.dimensions}{language}')}"


def place_named(named: str, schema: str | None) -> VectorPlace:
    """The table of ``NAME:DIMENSIONS[:LANGUAGE]``, with words in English by default. Raises ConfigurationError."""
    name, dimensions, language = (*named.split(":"), "", "", "")[:3]
    if not name or not dimensions.isdecimal() or named.count(":") > 2:
        raise ConfigurationError("A table of vectors is named as in: --vector my_kb:384")
    chosen = None if language == "none" else language or "english"
    return VectorPlace(name=name, schema=schema or DEFAULT_SCHEMA, dimensions=int(dimensions), language=chosen)


def indexed_as(place: VectorPlace, named: str) -> VectorPlace:
    """`place` with the index of ``METHOD[:METRIC[:QUANTIZATION]]``. Raises ConfigurationError."""
    method, metric, quantization = (*named.split(":"), "", "")[:3]
    known = (method in ("hnsw", "ivfflat"), metric in ("", *get_args(Metric)))
    if not all(known) or quantization not in ("", *get_args(Quantization)) or named.count(":") > 2:
        raise ConfigurationError("An index is named as in: --index hnsw, hnsw:l2 or hnsw:cosine:halfvec")
    chosen: Any = {"metric": metric or "cosine", "quantization": quantization or None}
    return replace(place, method=method, **chosen)


@lru_cache(maxsize=256)
def vector_table(place: VectorPlace) -> Table:
    """The table of `place`, with agno's columns and index names."""
    from pgvector.sqlalchemy import VECTOR

    made = Table(
        place.name,
        MetaData(schema=place.schema),
        Column("id", String, primary_key=True),
        Column("name", String),
        Column("meta_data", JSONB, server_default=text("'{}'::jsonb")),
        Column("filters", JSONB, server_default=text("'{}'::jsonb")),
        Column("content", Text),
        Column("embedding", VECTOR(place.dimensions)),
        Column("usage", JSONB),
        Column("created_at", DateTime(timezone=True), server_default=func.now()),
        Column("updated_at", DateTime(timezone=True)),
        Column("content_hash", String),
        Column("content_id", String),
        Column("user_id", String),
    )
    for column in ("name", "content_hash", "content_id", "user_id"):
        Index(object_name(f"idx_{place.name}_{column}"), made.c[column])
    Index(
        object_name(f"idx_{place.name}_meta_data"),
        made.c.meta_data,
        postgresql_using="gin",
        postgresql_ops={"meta_data": "jsonb_path_ops"},
    )
    if place.language is not None:
        made.append_column(Column(LEXEMES, TSVECTOR, Computed(lexemes_of(place, "content"), persisted=True)))
        Index(object_name(f"idx_{place.name}_{LEXEMES}"), made.c[LEXEMES], postgresql_using="gin")
    return made


def lexemes_of(place: VectorPlace, content: str) -> str:
    """The SQL for the words of `content`."""
    return f"to_tsvector({literal(place.language or '')}::regconfig, left({content}, {INDEXED_CHARACTERS}))"


def literal(value: str) -> str:
    """`value` as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """`name` as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
