"""agno's flat methods and the repositories, driven without an event loop.

Their types are in `sync_methods.pyi`, which `make stubs` writes from the async side.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

from agnodb.databases.driving import drive, driven
from agnodb.databases.methods.all import AllMethods


def _core(database: Any) -> Any:
    return database._core


SyncMethods = type(
    "SyncMethods",
    (),
    {
        "__doc__": "agno's database interface for the tables that agnodb keeps.",
        **{
            name: driven(method, _core)
            for name, method in inspect.getmembers(AllMethods, inspect.iscoroutinefunction)
            if not name.startswith("_")
        },
    },
)


class SyncRepository:
    """The repository of one concept: the methods of its contract, each blocking until it is done."""

    def __init__(self, repository: Any) -> None:
        self._repository = repository

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._repository, name)
        if name.startswith("_") or not inspect.iscoroutinefunction(member):
            raise AttributeError(f"{type(self._repository).__name__} has no method {name!r}")

        def run(*args: Any, **kwargs: Any) -> Any:
            return drive(member(*args, **kwargs))

        run.__doc__, run.__name__ = member.__doc__, name
        self.__dict__[name] = run
        return run


class SyncRepositories:
    """All repositories: what `db` and `db.transaction()` give."""

    def __init__(self, repositories: Any) -> None:
        for concept, repository in vars(repositories).items():
            setattr(self, concept, SyncRepository(repository))


@contextlib.contextmanager
def sync_transaction(core: Any) -> Iterator[SyncRepositories]:
    """The repositories inside one transaction of `core`."""
    context = core.transaction()
    repositories = drive(context.__aenter__())
    try:
        yield SyncRepositories(repositories)
    except BaseException as error:
        if not drive(context.__aexit__(type(error), error, error.__traceback__)):
            raise
    else:
        drive(context.__aexit__(None, None, None))
