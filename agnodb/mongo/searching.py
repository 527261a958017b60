"""Filters that find a text inside a stored one."""

from __future__ import annotations

import json
import re
from typing import Any

from agnodb import codec
from agnodb.rules.values import text_in
from agnodb.text import TEXT_MARKER, UNSTORABLE, decode_text, escape


def contains(value: Any, *, start: bool = False) -> dict[str, Any]:
    """What a text field that has `value` in it (at its start) matches; upper and lower case are alike.

    Raises InvalidValueError for what is no text.
    """
    text = decode_text(text_in(value))
    escaped, begin = escape(text), "^" if start else ""
    forms = [] if UNSTORABLE.search(text) else [begin + re.escape(text)]
    if start:
        forms.append("^" + re.escape(TEXT_MARKER + escaped))
    elif escaped != text:
        forms.append("^" + re.escape(TEXT_MARKER) + ".*" + re.escape(escaped))
    return {"$regex": "|".join(forms), "$options": "is"}


_SEPARATORS = re.compile(r"[\s_\-]+")


def words_in_document(query: str) -> re.Pattern[str] | None:
    """Finds the words of `query` in the JSON text of a document, any character between them; None without words."""
    words = [
        re.escape(json.dumps(_as_stored(word), ensure_ascii=False)[1:-1]) for word in _SEPARATORS.split(query) if word
    ]
    return re.compile(".".join(words), re.IGNORECASE | re.DOTALL) if words else None


def _as_stored(word: str) -> str:
    document = json.loads(codec.encode(word))
    return document if isinstance(document, str) else str(document[codec.TAG][1])
