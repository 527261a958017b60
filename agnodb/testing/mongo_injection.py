"""Makes one command of a MongoDB database fail as it would in an outage; see `agnodb.testing.injection`.

An error is the driver's own, with the code that a server gives (its error-codes page), or of the class that a lost
connection has, raised where the driver would raise it: before the command is sent, or after it was done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Self

from pymongo.errors import (
    AutoReconnect,
    CursorNotFound,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from agnodb.errors import ConfigurationError, StorageError
from agnodb.testing.injection import MESSAGE, SECRET, Fault, Kind
from agnodb.testing.strikes import Run, after, before


def _code(code: int, kind: type[OperationFailure] = OperationFailure) -> Callable[[], Exception]:
    return lambda: kind(MESSAGE, code, {"ok": 0, "code": code, "errmsg": MESSAGE})


def _not_primary(code: int) -> Callable[[], Exception]:
    return lambda: NotPrimaryError(MESSAGE, {"ok": 0, "code": code, "errmsg": MESSAGE})


def _unreachable() -> Exception:
    return ServerSelectionTimeoutError(MESSAGE)


FAULTS = (
    Fault("lost before", Kind.LOST, before(lambda: AutoReconnect(MESSAGE))),
    Fault("lost during", Kind.LOST, after(lambda: AutoReconnect(MESSAGE))),
    Fault("write conflict", Kind.REFUSED, before(_code(112))),
    Fault("permission denied", Kind.FINAL, before(_code(13)), ConfigurationError),
    Fault("no answer in time", Kind.LOST, after(lambda: NetworkTimeout(MESSAGE))),
    Fault("stopped by a failover", Kind.LOST, after(_code(11602))),
    Fault("stopped by a shutdown", Kind.LOST, before(_not_primary(11600))),
    Fault("cursor is gone", Kind.LOST, before(_code(43, CursorNotFound))),
    Fault("time limit", Kind.LOST, before(_code(50, ExecutionTimeout))),
    Fault("outage", Kind.LOST, before(_unreachable), lasting=True),
    Fault("not the primary", Kind.REFUSED, before(_not_primary(10107))),
    Fault("shutting down", Kind.REFUSED, before(_not_primary(91))),
    Fault("stepped down", Kind.REFUSED, before(_not_primary(189))),
    Fault("no longer the primary", Kind.REFUSED, before(_not_primary(13435))),
    Fault("recovering", Kind.REFUSED, before(_not_primary(13436))),
    Fault("disk full", Kind.FINAL, before(_code(14031)), StorageError),
)


class MongoInjection:
    """Counts the commands that a database runs while the block runs, and makes one of them fail.

    As `agnodb.testing.injection.Injection`; COMMIT is a command here too, what begins a transaction is none.
    """

    faults = FAULTS
    before, after = staticmethod(before), staticmethod(after)

    def __init__(self, core: Any) -> None:
        self._core, self._executor = core, core._executor
        self.struck = False
        self._trace: list[str] = []
        self._fault: Fault | None = None
        self._at, self._out, self._used_up = 0, False, False
        self._undo = contextlib.ExitStack()

    def arm(self, fault: Fault | None = None, at: int = 0) -> None:
        """Have the command number `at` from now on, counted from 0, meet `fault`; once."""
        self._fault, self._at, self._trace, self.struck, self._out = fault, at, [], False, False

    def trace(self) -> tuple[str, ...]:
        """The place of each command that ran since the last `arm`."""
        return tuple(self._trace)

    def secrets(self) -> list[str]:
        """What no error may show an end user."""
        return [SECRET, "127.0.0.1", self._core.settings.db_name]

    def leaks(self) -> int:
        """Connections that nobody gave back: the driver's own business here."""
        return 0

    @contextlib.contextmanager
    def exhausted(self) -> Iterator[None]:
        """While the block runs, the pool has no connection to give."""
        self._used_up = True
        try:
            yield
        finally:
            self._used_up = False

    def __enter__(self) -> Self:
        for name, wrapper in (("asked", self._asking), ("committed", self._committing)):
            original = getattr(self._executor, name)
            setattr(self._executor, name, self._wrapped(original, wrapper))
            self._undo.callback(delattr, self._executor, name)
        return self

    def __exit__(self, *_error: object) -> None:
        self._undo.close()

    @staticmethod
    def _wrapped(original: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: wrapper(original, *args)

    async def _asking(self, original: Callable[..., Any], *args: Any) -> Any:
        options = args[-1]
        place = "transaction" if options.get("session") is not None else "alone"
        return await self._meet(place, lambda: original(*args))

    async def _committing(self, original: Callable[..., Any], session: Any) -> Any:
        return await self._meet("commit", lambda: original(session))

    async def _meet(self, place: str, run: Run) -> Any:
        if self._used_up:
            raise WaitQueueTimeoutError(MESSAGE)
        if self._out:
            raise _unreachable()
        number = len(self._trace)
        self._trace.append(place)
        fault = self._fault
        due = fault is not None and (place != "transaction" if fault.storing else number == self._at)
        if fault is None or self.struck or not due:
            return await run()
        self.struck, self._out = True, fault.lasting
        strike: Any = fault.strike
        return await strike(run)
