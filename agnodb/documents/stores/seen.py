"""What was seen of versions of records lately: who writes one has read what it replaces."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

_REMEMBERED = 5_000
"""Versions of records, the latest."""


class Seen(Generic[T]):
    """What is known of versions, each of which never changes. For all threads of a process."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Hashable, str], T] = {}
        self._lock = threading.Lock()

    def remember(self, record: Hashable, version: str, what: T) -> T:
        """Note what is known of a version of a record; that."""
        with self._lock:
            self._seen.pop((record, version), None)
            self._seen[record, version] = what
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]
        return what

    def of(self, record: Hashable, version: str) -> T | None:
        """What is known of a version; None where it was not seen lately."""
        with self._lock:
            return self._seen.get((record, version))
