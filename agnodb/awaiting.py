"""What the methods of drivers give, whether they are awaited or not."""

from __future__ import annotations

import inspect
from typing import Any


async def settled(value: Any) -> Any:
    """`value`, awaited if it is to be: the methods of an asynchronous client have the names of the blocking one's."""
    return await value if inspect.isawaitable(value) else value
