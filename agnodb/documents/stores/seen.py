"""What was seen of versions of records lately: who writes one has read what it replaces."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from agnodb.documents.stores.recent import Recent

T = TypeVar("T")

_REMEMBERED = 5_000
"""Versions of records, the latest."""


class Seen(Generic[T]):
    """What is known of versions, each of which never changes. For all threads of a process."""

    def __init__(self) -> None:
        self._seen: Recent[tuple[Hashable, str], T] = Recent(_REMEMBERED, lambda _what: 1)

    def remember(self, record: Hashable, version: str, what: T) -> T:
        """Note what is known of a version of a record; that."""
        return self._seen.note((record, version), what)

    def of(self, record: Hashable, version: str) -> T | None:
        """What is known of a version; None where it was not seen lately."""
        return self._seen.of((record, version))

    def forget(self, record: Hashable, version: str) -> None:
        """Know nothing of a version: what was known of it may not be so."""
        self._seen.forget((record, version))
