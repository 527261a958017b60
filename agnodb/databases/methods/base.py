"""What the mixins of the flat methods stand on."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import Any

from agnodb.contracts.objects import Objects
from agnodb.contracts.repositories import Repositories
from agnodb.databases.write_failures import safeguard
from agnodb.executors.run_cache import RunCache
from agnodb.policies import OnWriteFailed


class Methods:
    """A mixin of flat methods: it has the repositories and `objects`, and decides nothing about storage.

    What leaves a method of a mixin that failed is as `agnodb.databases.write_failures` has it.
    """

    repositories: Repositories
    objects: Objects
    _place: str | None = None
    """The same for every object on the same database, and for its transactions."""
    _run_cache: RunCache | None = None
    """The runs that were read lately. A transaction has none: what is read in one may never be stored."""
    _on_write_failed: OnWriteFailed | None = None
    """The policy of a database. A transaction has none: its block gets the error, and undoes what it did before."""

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if Methods in cls.__bases__:  # what is made of the mixins has further methods, of its own
            safeguard(cls)

    def transaction(self) -> AbstractAsyncContextManager[Repositories]:
        """The repositories inside one transaction; see `SqlDatabase.transaction`."""
        raise NotImplementedError  # pragma: no cover - every database has its own


def plain(value: Any) -> Any:
    """The value of an enum; anything else as it is. agno passes both."""
    return value.value if isinstance(value, Enum) else value
