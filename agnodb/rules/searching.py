"""What a search for a text means, where it is done in the client."""

from __future__ import annotations

import json
import re
from typing import Any

from agnodb import codec
from agnodb.rules.values import text_in
from agnodb.text import decode_text

_SEPARATORS = re.compile(r"[\s_\-]+")


def contains(value: Any, *, start: bool = False) -> re.Pattern[str]:
    """Finds `value` in a text, at its start if need be; upper and lower case are alike. Raises InvalidValueError for
    what is no text."""
    text = re.escape(decode_text(text_in(value)))
    return re.compile(f"\\A{text}" if start else text, re.IGNORECASE | re.DOTALL)


def words_in_document(query: str) -> re.Pattern[str] | None:
    """Finds the words of `query` in the JSON text of a document, any character between them; None without words."""
    words = [
        re.escape(json.dumps(_as_stored(word), ensure_ascii=False)[1:-1]) for word in _SEPARATORS.split(query) if word
    ]
    return re.compile(".".join(words), re.IGNORECASE | re.DOTALL) if words else None


def _as_stored(word: str) -> str:
    document = json.loads(codec.encode(word))
    return document if isinstance(document, str) else str(document[codec.TAG][1])
