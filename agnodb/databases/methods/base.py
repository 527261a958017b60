"""What the mixins of the flat methods stand on."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import Any

from agnodb.contracts.objects import Objects
from agnodb.contracts.repositories import Repositories


class Methods:
    """A mixin of flat methods: it has the repositories and `objects`, and decides nothing about storage."""

    repositories: Repositories
    objects: Objects

    def transaction(self) -> AbstractAsyncContextManager[Repositories]:
        """The repositories inside one transaction; see `SqlDatabase.transaction`."""
        raise NotImplementedError  # pragma: no cover - every database has its own


def plain(value: Any) -> Any:
    """The value of an enum; anything else as it is. agno passes both."""
    return value.value if isinstance(value, Enum) else value
