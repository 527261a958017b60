"""Makes one request of a database of documents fail, as its store would say it; see `agnodb.testing.injection`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Self

from agnodb.documents.stores.recent import remembered
from agnodb.errors import AgnoDbError, ConfigurationError, StorageError, UnavailableError
from agnodb.testing.injection import MESSAGE, SECRET, Fault, Kind
from agnodb.testing.strikes import Run, after, before


def _lost() -> AgnoDbError:
    return UnavailableError(detail=MESSAGE)


def _refused() -> AgnoDbError:
    return UnavailableError(detail=MESSAGE, refused=True)


def _unreachable() -> AgnoDbError:
    return UnavailableError(detail=MESSAGE, unreachable=True)


FAULTS = (
    Fault("lost before", Kind.LOST, before(_lost)),
    Fault("lost during", Kind.LOST, after(_lost)),
    Fault("refused", Kind.REFUSED, before(_refused)),
    Fault("permission denied", Kind.FINAL, before(lambda: ConfigurationError(detail=MESSAGE)), ConfigurationError),
    Fault("outage", Kind.LOST, before(_unreachable), lasting=True),
    Fault("full", Kind.FINAL, before(lambda: StorageError(detail=MESSAGE)), StorageError),
)


class DocumentInjection:
    """Counts the requests that a database makes while the block runs, and makes one of them fail.

    As `agnodb.testing.injection.Injection`. A transaction's only write is its commit; all else may be made again.
    """

    faults = FAULTS

    def __init__(self, core: Any) -> None:
        self._executor = core._executor
        self.struck = False
        self._trace: list[str] = []
        self._fault: Fault | None = None
        self._at, self._out, self._used_up = 0, False, False

    def arm(self, fault: Fault | None = None, at: int = 0) -> None:
        """Have the request number `at` from now on, counted from 0, meet `fault`; once. The database knows no record
        any more, so that a call makes the same requests each time, whatever was put back meanwhile."""
        self._executor._remembered = remembered()
        self._fault, self._at, self._trace, self.struck, self._out = fault, at, [], False, False

    def trace(self) -> tuple[str, ...]:
        """The place of each request that was made since the last `arm`."""
        return tuple(self._trace)

    def secrets(self) -> list[str]:
        """What no error may show an end user."""
        return [SECRET]

    def leaks(self) -> int:
        """Connections that nobody gave back: the store's own business."""
        return 0

    @contextlib.contextmanager
    def exhausted(self) -> Iterator[None]:
        """While the block runs, there is no connection to give."""
        self._used_up = True
        try:
            yield
        finally:
            self._used_up = False

    def __enter__(self) -> Self:
        original = self._executor._on
        self._executor._on = lambda *args: self._meet(lambda: original(*args))
        return self

    def __exit__(self, *_error: object) -> None:
        del self._executor._on

    async def _meet(self, run: Run) -> Any:
        if self._used_up or self._out:
            raise _unreachable()
        number = len(self._trace)
        self._trace.append("alone")
        fault = self._fault
        if fault is None or self.struck or number != self._at:
            return await run()
        self.struck, self._out = True, fault.lasting
        strike: Any = fault.strike
        return await strike(run)
