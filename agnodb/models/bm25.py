"""The index of a server's extension that ranks words by BM25: it takes the place of our own words and their index."""

from __future__ import annotations

import json

from agnodb.config import object_name
from agnodb.errors import ConfigurationError
from agnodb.rules.bm25 import K1, B, Bm25Extension

_STEMMED = {
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
}  # fmt: skip
_WITHOUT_STOP_WORDS = _STEMMED - {"arabic", "greek", "romanian", "tamil", "turkish"}


def index_name(table: str) -> str:
    """The name of the index."""
    return object_name(f"idx_{table}_bm25")


def columns(extension: Bm25Extension) -> tuple[str, ...]:
    """What is indexed."""
    return ("content",) if extension == "pg_textsearch" else ("id", "content")


def options(extension: Bm25Extension, language: str) -> dict[str, str]:
    """What the index is told. Raises ConfigurationError for a language that `pg_search` does not know.

    `pg_textsearch` reads words as PostgreSQL does, in any of its configurations.
    """
    if extension == "pg_textsearch":
        return {"text_config": language, "k1": str(K1), "b": str(B)}
    tokenizer = {"type": "default"}
    if language in _STEMMED:
        tokenizer["stemmer"] = language.capitalize()
    elif language != "simple":
        raise ConfigurationError(f"pg_search knows no words in {language}.")
    if language in _WITHOUT_STOP_WORDS:
        tokenizer["stopwords_language"] = language.capitalize()
    return {"key_field": "id", "text_fields": json.dumps({"content": {"tokenizer": tokenizer}})}
