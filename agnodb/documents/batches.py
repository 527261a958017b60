"""Batches of any size, in as few parts as the store writes as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

from agnodb.documents.executor import Executor
from agnodb.documents.store import TooLarge, Write

T = TypeVar("T")


def parts(whole: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """`whole` in parts of at most so many."""
    for first in range(0, len(whole), most):
        yield whole[first : first + most]


async def in_parts(executor: Executor, writes: Sequence[Write]) -> AsyncIterator[Sequence[Write]]:
    """Write `writes`: each part, once it is written. Raises Refused for the first part that is."""
    able, first = executor.capabilities, 0
    most = able.batch if able.atomic else 1
    while first < len(writes):
        part = writes[first : first + most]
        try:
            await executor.write(part)
        except TooLarge:
            if len(part) == 1:
                raise
            most = len(part) // 2
        else:
            yield part
            first += len(part)
