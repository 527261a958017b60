"""Patterns that find a text inside a stored one, which is stored escaped where no database holds it (`agnodb.text`).

Most texts have one pattern. Another is needed for those that an escape would change, and for the start of a text:
an escaped one starts with a marker. In an escaped text, and only there, the escapes are found as well: "u0000".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, or_

from agnodb.rules.values import text_in
from agnodb.sql.dialects.base import Dialect, like_pattern
from agnodb.text import TEXT_MARKER, UNSTORABLE, decode_text, escape


def column_patterns(value: Any, *, start: bool = False) -> list[str]:
    """LIKE patterns, of which a text column that has `value` in it (at its start) matches one, and no other does.

    Raises InvalidValueError for what is no text.
    """
    text = decode_text(text_in(value))
    escaped, cut = escape(text), 1 if start else 0
    patterns = [] if UNSTORABLE.search(text) else [like_pattern(text)[cut:]]
    return [*patterns, TEXT_MARKER + like_pattern(escaped)[cut:]] if start or escaped != text else patterns


def document_patterns(value: Any) -> list[str]:
    """The same for a string in a document, as `Dialect.json_text` and `Dialect.json_as_text` give it."""
    text = decode_text(text_in(value))
    escaped = escape(text)
    patterns = [] if UNSTORABLE.search(text) else [like_pattern(text)]
    # The codec's tag is given as JSON, in which a backslash is two.
    return [*patterns, like_pattern(json.dumps(escaped, ensure_ascii=False)[1:-1])] if escaped != text else patterns


def bound_patterns(name: str, patterns: list[str]) -> dict[str, str]:
    """Names of binds, which begin with `name`, and the patterns to bind."""
    return {f"{name}_{number}": pattern for number, pattern in enumerate(patterns)}


def any_match(dialect: Dialect, value: ColumnElement[Any], binds: Iterable[str]) -> ColumnElement[bool]:
    """Whether `value` matches the pattern of one of `binds`."""
    return or_(*(dialect.text_match(value, bind) for bind in binds))
