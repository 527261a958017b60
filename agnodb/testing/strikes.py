"""How a fault strikes a request that is a coroutine: instead of it, or after it was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Run = Callable[[], Awaitable[Any]]
"""Makes the request."""

Strike = Callable[[Run], Awaitable[Any]]


def before(make: Callable[[], BaseException]) -> Strike:
    """The request is not made."""

    async def strike(_run: Run) -> Any:
        raise make()

    return strike


def after(make: Callable[[], BaseException]) -> Strike:
    """It is made, and its answer is lost."""

    async def strike(run: Run) -> Any:
        await run()
        raise make()

    return strike
