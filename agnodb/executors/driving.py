"""A coroutine that never suspends, run to its end without an event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from agnodb.errors import AgnoDbError

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """What `coroutine` returns, without an event loop.

    A coroutine that suspends here is a bug: it is closed, which gives its connection back, and AgnoDbError raises.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    name = getattr(coroutine, "__qualname__", repr(coroutine))
    coroutine.close()
    raise AgnoDbError(detail=f"{name} waited for an event loop, which a sync database does not have")
