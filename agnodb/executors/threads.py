"""Threads for what blocks, so that no event loop waits for a disk or for another process.

They are our own: those of `asyncio.to_thread` are the application's, and a folder that somebody holds must not use them
up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """So many threads for each event loop; those of loops that have ended end too."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._pools: dict[asyncio.AbstractEventLoop, ThreadPoolExecutor] = {}

    async def run(self, work: Callable[[], T]) -> T:
        """What `work()` returns. A caller that is cancelled does not wait, and the work is done all the same."""
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            for ended in [other for other in list(self._pools) if other.is_closed()]:
                self._pools.pop(ended).shutdown(wait=False)
            pool = self._pools[loop] = ThreadPoolExecutor(self._number, thread_name_prefix="agnodb")
        return await loop.run_in_executor(pool, work)

    def close(self) -> None:
        """End them when what they do is done."""
        while self._pools:
            self._pools.popitem()[1].shutdown(wait=False)
