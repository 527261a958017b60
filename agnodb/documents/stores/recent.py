"""What was seen lately, as much as fits."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from agnodb.documents.store import Address, Document

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 16 * 1024 * 1024
"""Bytes, for each database object."""
_BESIDE = 1_000
"""Bytes of a document beside its text, about."""


class Recent(Generic[K, V]):
    """What was noted last, in all at most `most`, of which each counts as much as `size` says.

    For all threads of a process. A child begins with nothing after a fork: a thread of its parent may have been in the
    middle of a change.
    """

    def __init__(self, most: int, size: Callable[[V], int]) -> None:
        self._most, self._size_of = most, size
        self._begin()

    def _begin(self) -> None:
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock, self._process, self.size = threading.Lock(), os.getpid(), 0

    def note(self, key: K, value: V) -> V:
        """Keep `value`, instead of what was noted before; that."""
        if self._process != os.getpid():
            self._begin()
        size = self._size_of(value)
        with self._lock:
            self._drop(key)
            if size <= self._most:
                self._kept[key] = value
                self.size += size
            while self.size > self._most:
                self._drop(next(iter(self._kept)))
        return value

    def of(self, key: K) -> V | None:
        """What was noted; None where that is too long ago."""
        return self._kept.get(key) if self._process == os.getpid() else None

    def forget(self, key: K) -> None:
        """Keep nothing of it."""
        if self._process == os.getpid():
            with self._lock:
                self._drop(key)

    def _drop(self, key: K) -> None:
        value = self._kept.pop(key, None)
        if value is not None:
            self.size -= self._size_of(value)


def remembered() -> Recent[Address, Document]:
    """Documents that were read or written lately.

    A write on the condition that one of them is still stored needs no read before it. Nothing else may rest on them:
    others write too.
    """
    return Recent(REMEMBERED, lambda document: len(document.body) + _BESIDE)
