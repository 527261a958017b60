"""agno's flat methods and the repositories, driven without an event loop.

Their types are in `sync_methods.pyi`, which `make stubs` writes from the async side.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from agnodb.agno.base import refused
from agnodb.contracts.repositories import Repositories
from agnodb.databases.driving import drive, driven
from agnodb.databases.methods.all import AllMethods


def _driven_class(name: str, coroutines: type, core: Callable[[Any], Any], *bases: type) -> Any:
    """A class with the public methods of `coroutines`, each of which runs to its end on `core(self)`."""
    methods = {
        name: driven(method, core)
        for name, method in inspect.getmembers(coroutines, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    return type(name, bases, {"__doc__": coroutines.__doc__, "__module__": __name__, **methods})


SyncMethods = _driven_class("SyncMethods", AllMethods, lambda database: database._core)


class SyncRepository:
    """The repository of one concept: the methods of its contract, each blocking until it is done."""

    def __init__(self, repository: Any) -> None:
        self._repository = repository


def _of_contract(contract: type) -> Any:
    name = f"Sync{contract.__name__}"
    return _driven_class(name, contract, lambda repository: repository._repository, SyncRepository)


_REPOSITORIES = {
    concept: _of_contract(get_type_hints(member.fget)["return"])
    for concept, member in vars(Repositories).items()
    if isinstance(member, property)
}
globals().update({repository.__name__: repository for repository in _REPOSITORIES.values()})


class SyncRepositories:
    """All repositories: what `db` and `db.transaction()` give."""

    def __init__(self, repositories: Any) -> None:
        for concept, repository in _REPOSITORIES.items():
            setattr(self, concept, repository(getattr(repositories, concept)))


class SyncTransaction(SyncMethods, SyncRepositories):
    """The repositories and agno's flat methods inside one transaction, or one savepoint, of an async context."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> SyncTransaction:
        self._core = drive(self._context.__aenter__())
        SyncRepositories.__init__(self, self._core.repositories)
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return bool(drive(self._context.__aexit__(*error)))

    def savepoint(self) -> SyncTransaction:
        """See `agnodb.databases.transactions.Transaction.savepoint`."""
        return SyncTransaction(self._core.savepoint())

    def __getattr__(self, name: str) -> Any:
        return refused(name)
