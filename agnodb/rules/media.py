"""How media are named in an object store, and which of them a run refers to.

What an object holds is its name: the SHA-256 of its bytes, so the same picture is stored once. Each upload has a
marker beside it, which is nothing but a name, and the key that agno keeps in a run names both. An object stays for as
long as it has a marker. Counting is therefore in the store itself: it is the same for every database, and for several.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

OBJECTS, MARKERS, REMOVALS = "objects", "refs", "gone"
"""The folders of a store. A removal says that somebody is about to delete an object."""

_KEY = re.compile(r"([0-9a-f]{64}(?:\.[0-9a-f]{32})?)/([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class MediaKey:
    """An upload: its object and its marker."""

    name: str
    mark: str

    def __str__(self) -> str:
        return f"{self.name}/{self.mark}"

    @property
    def object(self) -> str:
        """The path of the object."""
        return f"{OBJECTS}/{self.name}"

    @property
    def marker(self) -> str:
        """The path of the marker."""
        return f"{MARKERS}/{self}"

    def apart(self) -> MediaKey:
        """The same upload with an object of its own."""
        return MediaKey(f"{self.name}.{self.mark}", self.mark)


def new_key(content: bytes) -> MediaKey:
    """The key of a new upload of `content`."""
    return MediaKey(hashlib.sha256(content).hexdigest(), uuid.uuid4().hex)


def key_of(text: str) -> MediaKey | None:
    """The key that was written as `text`; None for what is none of ours."""
    found = _KEY.fullmatch(text)
    return None if found is None else MediaKey(*found.groups())


def references(document: Any, backend: str, bucket: str) -> Iterator[tuple[str | None, str]]:
    """The session and the key of everything in a run's `document` that is stored in `bucket` of `backend`: agno's
    references, wherever they stand."""
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            key = one.get("storage_key")
            if isinstance(key, str) and one.get("storage_backend") == backend and one.get("bucket") == bucket:
                yield one.get("session_id"), key
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
