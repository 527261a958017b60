"""A table of embedded chunks: that of agno's PgVector, with one column of ours for searches by words."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, get_args

from sqlalchemy import Column, Computed, DateTime, Index, MetaData, String, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from agnodb.config import DEFAULT_SCHEMA, object_name
from agnodb.errors import ConfigurationError
from agnodb.models import bm25
from agnodb.rules.bm25 import Bm25Extension
from agnodb.rules.vectors import MAX_INDEXED, Metric, Quantization, quantization_of

LEXEMES = "agnodb_lexemes"
"""Ours: the words of `content`. Not there where only vectors are searched, since its index makes inserts slower."""

_PLAIN = re.compile("[a-z_][a-z0-9_]*")

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
    bm25: Bm25Extension | None = None
    """The server's extension that ranks words; None where we do it, by a column of our own."""
    extension: str = "public"
    """The schema of pgvector."""
    bm25_schema: str = ""
    """The schema of that extension."""

    def __post_init__(self) -> None:
        if not self.name or "\0" in f"{self.name}{self.schema}" or not self.schema:
            raise ConfigurationError("A table of vectors needs a name and a schema.")
        kept = quantization_of(self.dimensions, self.quantization)
        object.__setattr__(self, "quantization", kept)
        if self.bm25 == "pg_textsearch" and not all(map(_PLAIN.fullmatch, (self.name, self.schema))):
            raise ConfigurationError("pg_textsearch finds no table whose name or schema has to be quoted.")
        if not 0 < self.dimensions <= 16_000:
            raise ConfigurationError("A vector of pgvector has from 1 to 16,000 dimensions.")
        if self.dimensions > MAX_INDEXED[kept or "vector"]:
            raise ConfigurationError(f"An index with {kept} has room for {MAX_INDEXED[kept or 'vector']} dimensions.")

    def extended_by(self, extension: str, bm25_schema: str | None) -> VectorPlace:
        """The same with pgvector in the schema `extension`, and what ranks words in `bm25_schema`."""
        return replace(self, extension=extension, bm25_schema=bm25_schema or "")

    @property
    def lexemes(self) -> bool:
        """Whether the table has our column of words."""
        return self.language is not None and self.bm25 is None

    @property
    def bm25_options(self) -> dict[str, str]:
        """What the index of the extension is told; none where there is none."""
        return bm25.options(self.bm25, self.language) if self.bm25 and self.language else {}

    @property
    def upgrade(self) -> str:
        """The command that makes the table, or brings it up to date."""
        language = {None: ":none", "english": ""}.get(self.language, f":{self.language}")
        if self.bm25:
            language = f":{self.language}:{self.bm25}"
        where = "" if self.schema == DEFAULT_SCHEMA else f" --schema {shlex.quote(self.schema)}"
        return f"agnodb upgrade{where} --vector {shlex.quote(f'{self.name}:{self.dimensions}{language}')}"


def place_named(named: str, schema: str | None) -> VectorPlace:
    """The table of ``NAME:DIMENSIONS[:LANGUAGE[:EXTENSION]]``, with words in English by default.

    Raises ConfigurationError.
    """
    name, dimensions, language, extension = (*named.split(":"), "", "", "", "")[:4]
    known = extension in ("", *get_args(Bm25Extension)) and not (extension and language == "none")
    if not name or not dimensions.isdecimal() or named.count(":") > 3 or not known:
        raise ConfigurationError("A table of vectors is named as in: --vector my_kb:384")
    words: dict[str, Any] = {
        "language": None if language == "none" else language or "english",
        "bm25": extension or None,
    }
    return VectorPlace(name=name, schema=schema or DEFAULT_SCHEMA, dimensions=int(dimensions), **words)


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
    if place.bm25 is not None:
        Index(
            bm25.index_name(place.name),
            *(made.c[column] for column in bm25.columns(place.bm25)),
            postgresql_using="bm25",
            postgresql_with={name: literal(value) for name, value in place.bm25_options.items()},
        )
    if place.lexemes:
        made.append_column(Column(LEXEMES, TSVECTOR, Computed(lexemes_of(place, "content"), persisted=True)))
        Index(object_name(f"idx_{place.name}_{LEXEMES}"), made.c[LEXEMES], postgresql_using="gin")
    return made


def lexemes_of(place: VectorPlace, content: str) -> str:
    """The SQL for the words of `content`."""
    return f"to_tsvector({literal(place.language or '')}::regconfig, left({content}, {INDEXED_CHARACTERS}))"


def literal(value: str) -> str:
    """`value` as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def plain(part: str) -> str:
    """`part` of SQL in a `text` of SQLAlchemy, without binds."""
    return part.replace(":", "\\:")


def quoted(name: str) -> str:
    """`name` as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
