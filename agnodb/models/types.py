"""Column types that differ between databases, by what they hold."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Integer, String, Text
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.dialects.postgresql import JSONB

Json = JSON().with_variant(JSONB(), "postgresql")
"""A JSON document. Read and written as text: the codec, not the engine, knows what is inside."""

ShortText = String().with_variant(String(500), "mysql")
"""A key, a name or another text that may have an index: MySQL bounds those, and an index over them."""

Word = String().with_variant(String(20), "mysql")
"""One of a few words: part of a key of several columns."""

LongText = Text().with_variant(String(), "sqlite").with_variant(LONGTEXT(), "mysql")
"""Text of any length that is never a key (agno declares it VARCHAR on SQLite, TEXT elsewhere)."""

AnyLength = String().with_variant(LONGTEXT(), "mysql")
"""A text that is never a key, of any length, where agno declares a VARCHAR."""

LongKey = String().with_variant(String(600), "mysql")
"""A key that is made of a `ShortText` and something short."""

Serial = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database gives to each row."""

Epoch = BigInteger()
"""A time in whole epoch seconds (UTC)."""
