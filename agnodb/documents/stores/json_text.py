"""A document as the text of a file that a person can read, compare and edit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from agnodb.documents.store import Document

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s"{}\[\],:]+')
_OPENING, _CLOSING = frozenset("{["), frozenset("}]")


def text_of(document: Document) -> str:
    """Its key, version and fields, and its record, indented; a line for each value."""
    head = {"key": document.key, "version": document.version, "fields": dict(document.fields)}
    whole = f'{_json(head)[:-1]},"record":{document.body}}}'
    return f"{indented(whole)}\n"


def document_in(text: str | bytes) -> Document:
    """The document of such a text. Raises ValueError for another one."""
    try:
        found = json.loads(text)
        return Document(found["key"], _json(found["record"]), found["fields"], found["version"])
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(repr(error)) from None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def indented(text: str) -> str:
    """A JSON text with a line for each value. It may be nested as deep as any, so nothing here is recursive."""
    return "".join(_indented(_TOKEN.findall(text)))


def _indented(tokens: list[str]) -> Iterator[str]:
    depth, before = 0, ""
    for token in tokens:
        if token in _CLOSING:
            depth -= 1
        if (before in _OPENING) != (token in _CLOSING) or before == ",":
            yield f"\n{'  ' * depth}" if before else ""
        yield ": " if token == ":" else token
        if token in _OPENING:
            depth += 1
        before = token
