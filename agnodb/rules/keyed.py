"""Repositories whose records are read, changed and deleted by their key: what they do alike in every family.

A family says how (`Keyed`), a concept says what, in the module of its name (`agnodb.rules.approvals`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from agnodb.contracts.strict_owner import StrictOwner
from agnodb.filters import Page
from agnodb.records.base import Record

R = TypeVar("R", bound=Record)


class Keyed(StrictOwner, ABC, Generic[R], asks=False):
    """What a family does with the records of one concept. Values are checked: all raise InvalidValueError."""

    concept: ClassVar[str]
    """See `agnodb.filters.LISTINGS`."""
    record: type[R]

    @abstractmethod
    async def one(self, key: Any, **filters: Any) -> R | None:
        """The record with `key` whose fields equal `filters`, or None."""

    @abstractmethod
    async def listed(self, page: Page, **filters: Any) -> tuple[list[R], int]:
        """One page of the records whose fields equal `filters`, and the number of all of them."""

    @abstractmethod
    async def delete_one(self, key: Any, **filters: Any) -> bool:
        """Delete the record with `key` whose fields equal `filters`; False when there is none."""

    @abstractmethod
    async def delete_any(self, keys: Iterable[str], **filters: Any) -> int:
        """Delete the records with one of `keys` whose fields also equal `filters`; the number deleted."""


class Changed(Keyed[R], asks=False):
    """Records that are inserted once and changed field by field."""

    @abstractmethod
    async def insert(self, record: R) -> R:
        """Insert `record`; as it is stored. Raises DuplicateKeyError when its key, or a unique value, is taken."""

    @abstractmethod
    async def change(self, key: Any, changes: Mapping[str, Any], **filters: Any) -> R | None:
        """Set `changes` in the record with `key` whose fields equal `filters`; the changed record, or None. Atomic."""
