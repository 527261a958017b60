"""Coroutines without an event loop.

Over a blocking engine the coroutines of repositories and flat methods never suspend: one `send(None)` runs them to
their end. So the sync databases are the async ones, driven; there is no second copy, no thread and no loop.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from agnodb.executors.driving import drive

__all__ = ["drive", "driven"]

T = TypeVar("T")
P = ParamSpec("P")


def driven(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]], core: Callable[[Any], Any]
) -> Callable[Concatenate[Any, P], T]:
    """A plain method that runs the coroutine method of the same name on `core(self)`.

    It has the signature and the docstring of `method`: agno looks at signatures.
    """
    name = method.__name__

    @functools.wraps(method)
    def run(self: Any, *args: P.args, **kwargs: P.kwargs) -> T:
        coroutine: Coroutine[Any, Any, T] = getattr(core(self), name)(*args, **kwargs)
        return drive(coroutine)

    # Wrapped functions are looked through: this one must not be taken for a coroutine function.
    run.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    del run.__wrapped__
    return cast(Callable[Concatenate[Any, P], T], run)
