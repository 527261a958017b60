"""How a revision describes the columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Identity, Integer, String, Text, text
from sqlalchemy.dialects.mysql import LONGTEXT, TIMESTAMP
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

# Frozen with the revisions: the models have types of their own, which may move on.
Json = JSON().with_variant(JSONB(), "postgresql")
LongText = Text().with_variant(String(), "sqlite").with_variant(LONGTEXT(), "mysql")
ShortText = String().with_variant(String(500), "mysql")
Word = String().with_variant(String(20), "mysql")
AnyLength = String().with_variant(LONGTEXT(), "mysql")
LongKey = String().with_variant(String(600), "mysql")
Serial = BigInteger().with_variant(Integer(), "sqlite")
Epoch = BigInteger()
Moment = TIMESTAMP(fsp=6)

Kind = TypeEngine[Any] | type[TypeEngine[Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """A column as a revision describes it. A `Column` would belong to the one table it was first used for."""

    name: str
    kind: Kind
    nullable: bool = True
    primary_key: bool = False
    numbered: bool = False
    """Whether the database gives each row a number."""
    dated: bool = False
    """Whether MySQL notes in it when the row was last written, whoever writes. Others have no such column."""

    def column(self) -> Column[Any]:
        """A new column of this description."""
        kind = ShortText if self.kind is String else self.kind  # MySQL bounds what may have an index
        numbers = [Identity()] if self.numbered else []
        now = text("CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)") if self.dated else None
        options: dict[str, Any] = {"nullable": self.nullable, "primary_key": self.primary_key, "server_default": now}
        return Column(self.name, kind, *numbers, **options)


def key(name: str) -> Field:
    """A primary key of text."""
    return Field(name, String, nullable=False, primary_key=True)


def serial(name: str) -> Field:
    """A primary key of numbers, which the database gives."""
    return Field(name, Serial, nullable=False, primary_key=True, numbered=True)


def dated(name: str) -> Field:
    """The time of the last write of a row, which MySQL keeps."""
    return Field(name, Moment, nullable=False, dated=True)


def required(kind: Kind, *names: str) -> list[Field]:
    """Columns that are never NULL."""
    return [Field(name, kind, nullable=False) for name in names]


def optional(kind: Kind, *names: str) -> list[Field]:
    """Columns that may be NULL."""
    return [Field(name, kind) for name in names]
