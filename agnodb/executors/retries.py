"""Whether a call that failed is made again, when, and for how long.

Two things decide. What the error says: a statement that the database refused has not happened, and any may be run
again; one whose connection was lost may have happened. And what the statement is: an idempotent one may be run again
even then. Everything else raises at once: a time limit that the application has set (`statement_timeout`,
`lock_timeout`, the pool's) is never multiplied.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, exc
from tenacity import RetryCallState, Retrying, stop_after_delay, wait_random_exponential

from agnodb.errors import UnavailableError

T = TypeVar("T")

RETRY_SECONDS = 10.0
"""How long after its beginning a call is made again."""

BUSY_SECONDS = 30.0
"""How long a call waits for SQLite's one writer to be done. The driver itself should wait only for moments, because
what waits in a driver cannot be cancelled."""

# Deadlock, serialisation failure; read-only (a server that failed over); too many connections; starting up.
_REFUSED = ("40001", "40P01", "25006", "53300", "57P03")
# Connection exceptions; shutdown and crash of the server, idle for too long.
_LOST = ("08", "57P01", "57P02", "57P05")
_BUSY, _LOCKED = 5, 6

# The first pause is up to 50 ms, each following one up to twice as long, none over a second. Random, or all
# callers of a server that comes back would come back together.
_POLICY = Retrying(wait=wait_random_exponential(multiplier=0.05, max=1.0))


class Attempts:
    """The attempts of one call, which may go on for `seconds`, and for `busy` where SQLite has another writer."""

    __slots__ = ("_began", "_busy", "_seconds", "_state", "lost", "sent", "undone")

    def __init__(self, seconds: float, busy: float = BUSY_SECONDS) -> None:
        self._began, self._seconds, self._busy = time.monotonic(), seconds, busy
        self._state: RetryCallState | None = None
        self.sent = False
        """Whether this attempt has got as far as a connection."""
        self.lost = False
        """Whether this attempt has lost that connection."""
        self.undone = False
        """Whether whatever this attempt has done is undone with its transaction."""

    def on(self, connection: Connection, work: Callable[..., T], *args: Any) -> T:
        """What `work(connection, ...)` returns."""
        self.sent = True
        try:
            return work(connection, *args)
        except Exception:
            self.lost = connection.invalidated
            raise

    def in_transaction(self, connection: Connection, work: Callable[..., T], *args: Any) -> T:
        """What `work(connection, ...)` returns, in a transaction of its own."""

        def whole(connection: Connection) -> T:
            self.undone = True
            with connection.begin():
                made = work(connection, *args)
                self.undone = False
            return made

        return self.on(connection, whole)

    def pause(self, failure: UnavailableError, *, idempotent: bool) -> float | None:
        """Seconds to wait before the next attempt after `failure`; None when there is to be none."""
        seconds = self._seconds
        if failure.facts.get("sqlite_code", 0) & 0xFF in (_BUSY, _LOCKED):
            seconds = self._busy
        elif not self._may_repeat(failure, idempotent):
            return None
        if self._state is None:
            self._state = RetryCallState(_POLICY, None, (), {})
            self._state.start_time = self._began
        else:
            self._state.prepare_for_next_attempt()
        self._state.outcome_timestamp = time.monotonic()
        if stop_after_delay(seconds)(self._state):
            return None
        return float(_POLICY.wait(self._state))

    def unreachable(self, failure: UnavailableError) -> bool:
        """Whether `failure` is that this attempt found no database to connect to."""
        ours = "sqlite_code" in failure.facts or isinstance(failure.__cause__, exc.TimeoutError)
        return not (self.sent or ours)

    def uncertain(self, failure: UnavailableError) -> bool:
        """Whether what this attempt was to do may have been done all the same."""
        return self.sent and not self.undone and (self.lost or lost_by(failure.facts.get("sqlstate", "")))

    def _may_repeat(self, failure: UnavailableError, idempotent: bool) -> bool:
        if failure.facts.get("refused"):
            return True
        harmless = idempotent or self.undone or not self.sent
        sqlstate = failure.facts.get("sqlstate")
        if sqlstate is not None:
            return sqlstate in _REFUSED or (harmless and lost_by(sqlstate))
        if "sqlite_code" in failure.facts or isinstance(failure.__cause__, exc.TimeoutError):  # the pool's own limit
            return False
        return harmless and (self.lost or not self.sent)


def lost_by(sqlstate: str) -> bool:
    """Whether the server ended the connection with this SQLSTATE."""
    return sqlstate.startswith(_LOST)
