"""Column types that differ between databases, by what they hold."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, String, Text
from sqlalchemy.dialects.postgresql import JSONB

Json = JSON().with_variant(JSONB(), "postgresql")
"""A JSON document. Read and written as text: the codec, not the engine, knows what is inside."""

LongText = Text().with_variant(String(), "sqlite")
"""Text of any length that is never a key (agno declares it VARCHAR on SQLite, TEXT elsewhere)."""

Epoch = BigInteger()
"""A time in whole epoch seconds (UTC)."""
