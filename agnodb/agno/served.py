"""The methods of agno that agnodb does not keep itself: served by agno's own adapter, over the same engine.

agno decides what a database supports by its class's methods, so they are attributes of our classes, with the
signatures and the kinds of agno's. Each calls the method of an adapter that is made when it is first needed, one for
each engine (which is one for each event loop, or process), with our schema and table names. agno's behaviour is
theirs: it makes its tables when it meets the need, and decides what an error becomes. Our tables are there by then.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from agnodb.errors import UnsupportedOperationError

C = TypeVar("C", bound=type)

FAMILIES: Mapping[str, re.Pattern[str]] = {
    family: re.compile(pattern)
    for family, pattern in {
        "authorization": r"_authz_|^authz_",
        "service accounts": r"_service_accounts?(_|$)",
        "auth tokens": r"_auth_token$",
        "tool results": r"_tool_results?(_|$)",
        "transcripts": r"_transcripts?(_|$)",
        "products": r"_products?(_|$)|_company_acceptances$",
        "projects": r"_projects?(_|$)",
        "tasks": r"_tasks?(_|$)",
        "sources": r"_sources?$",
        "components": r"_components?(_|$)|_configs?$|^get_(links|dependents)$|^(set_current|resolve)_version$",
        "compactions": r"_compactions?(_|$)",
        "MCP OAuth": r"_mcp_oauth_",
        "jobs": r"_jobs?(_|$)|_sweep$|^queue_stats$|^session_blocker$",
    }.items()
}
"""Family -> what the names of its methods look like."""

_IN_TRANSACTION = (
    "This is served by agno's own adapter, on a connection of its own: it cannot be part of a transaction."
)


def family_of(method: str) -> str | None:
    """The family that agno's method of that name belongs to; None for what is kept here, or nowhere."""
    return next((family for family, names in FAMILIES.items() if names.search(method)), None)


def serve(cls: C, adapter: str) -> C:
    """Give `cls` the methods of agno's `adapter` (``agno.db.postgres.PostgresDb``) that it has not.

    Where agno has no such adapter, or needs a driver for it that is not installed, `cls` stays as it is.
    """
    module, _, name = adapter.rpartition(".")
    try:
        theirs = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return cls
    cls._agnos = theirs  # type: ignore[attr-defined]
    for name, method in served_methods(cls, theirs):
        setattr(cls, name, _awaited(theirs, method) if inspect.iscoroutinefunction(method) else _called(theirs, method))
    return cls


def served_methods(cls: type, theirs: type) -> Iterator[tuple[str, Any]]:
    """The methods of agno's adapter `theirs`, of the families, for which `cls` has at most the stub of agno's base."""
    stubs = {name: member for base in reversed(theirs.__mro__[1:]) for name, member in vars(base).items()}
    for name, method in inspect.getmembers(theirs, inspect.isfunction):
        ours = inspect.getattr_static(cls, name, None)
        if family_of(name) and method is not stubs.get(name) and ours is stubs.get(name):
            yield name, method


def _awaited(theirs: type, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await self._with_agnos(theirs, lambda adapter: method(adapter, *args, **kwargs))

    return call


def _called(theirs: type, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._with_agnos(theirs, lambda adapter: method(adapter, *args, **kwargs))

    return call


def adapter_of(theirs: Any, arguments: Mapping[str, Any]) -> Any:
    """An adapter with those of the `arguments` that its class takes."""
    taken = inspect.signature(theirs).parameters
    return theirs(**{name: value for name, value in arguments.items() if name in taken})


def refused(method: str) -> Callable[..., Any]:
    """Stands for the method of that name in a transaction. Raises AttributeError where agno's adapter has none."""
    if family_of(method) is None:
        raise AttributeError(method)

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise UnsupportedOperationError(_IN_TRANSACTION, method=method)

    return refuse
