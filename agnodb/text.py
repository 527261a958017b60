"""Text in plain text columns, ids included: what no database stores is escaped, reversibly.

U+0000 and lone surrogates are what PostgreSQL's TEXT and UTF-8 cannot hold. A text with one of them is stored behind a
marker, in which those and backslashes are \\uXXXX; a text that starts with the marker is escaped too, so nothing that
a user wrote is ever taken for an escape.
"""

from __future__ import annotations

import re

TEXT_MARKER = "$agnodb:"

UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_TO_ESCAPE = re.compile(r"[\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")


def encode_text(text: str) -> str:
    """The text for a plain text column: itself, or escaped behind a marker if the column cannot hold it."""
    plain = (text.isascii() and "\0" not in text) or not UNSTORABLE.search(text)
    return text if plain and not text.startswith(TEXT_MARKER) else TEXT_MARKER + escape(text)


def decode_text(text: str) -> str:
    """The text that `encode_text` was given. Text that only looks escaped is returned as it is."""
    if text.startswith(TEXT_MARKER):
        original = unescape(text.removeprefix(TEXT_MARKER))
        if encode_text(original) == text:
            return original
    return text


def escape(text: str) -> str:
    """`text` with backslashes, U+0000 and lone surrogates as \\uXXXX."""
    return _TO_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
