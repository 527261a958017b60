"""Makes one request of a database of documents fail, as its store would say it; see `agnodb.testing.injection`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Self

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


class _Method:
    """Stands for a store, to learn which of its methods a request is."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_given: name


class DocumentInjection:
    """Counts the requests that a database makes while the block runs, and makes one of them fail.

    As `agnodb.testing.injection.Injection`. A transaction's only write is its commit; all else may be made again.
    """

    faults = FAULTS
    before, after = staticmethod(before), staticmethod(after)

    def __init__(self, core: Any) -> None:
        self._executor = core._executor
        self.struck = False
        self._trace: list[str] = []
        self._fault: Fault | None = None
        self._at, self._out, self._used_up = 0, False, False

    def arm(self, fault: Fault | None = None, at: int = 0) -> None:
        """Have the request number `at` from now on, counted from 0, meet `fault`; once."""
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
        self._executor._on = lambda state, ask: self._meet(ask(_Method()), lambda: original(state, ask))
        return self

    def __exit__(self, *_error: object) -> None:
        del self._executor._on

    async def _meet(self, method: str, run: Run) -> Any:
        if self._used_up or self._out:
            raise _unreachable()
        number = len(self._trace)
        self._trace.append("alone")
        fault = self._fault
        due = fault is not None and (method == "write" if fault.storing else number == self._at)
        if fault is None or self.struck or not due:
            return await run()
        self.struck, self._out = True, fault.lasting
        strike: Any = fault.strike
        return await strike(run)
