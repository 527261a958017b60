"""Calls that are made again where that can help, whatever is called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agnodb.errors import UnavailableError
from agnodb.executors.outages import Outage, run_again
from agnodb.executors.retries import BUSY_SECONDS, RETRY_SECONDS, Attempts

T = TypeVar("T")


class Persisting:
    """A mixin of executors: what fails is done again, see `agnodb.executors.retries`."""

    def __init__(self, retry_timeout: float = RETRY_SECONDS, busy_timeout: float = BUSY_SECONDS) -> None:
        self._retry_timeout, self._busy_timeout = retry_timeout, busy_timeout
        self._outage = Outage()

    def state(self) -> Any:
        """What the calls of this place are made on; it can `sleep`."""
        raise NotImplementedError  # pragma: no cover - every executor has its own

    async def persist(
        self,
        once: Callable[..., Awaitable[T]],
        *args: Any,
        idempotent: bool,
        seconds: float | None = None,
        statement: str | None = None,
    ) -> T:
        """What `once(attempts, *args)` returns, called again, for `seconds`, where that can help and harms nothing.

        Once a call has given up on a database that cannot be reached, those that begin while it stays so do not wait:
        an outage costs each call its patience once, not every statement of every run. `statement` is for the log.
        """
        attempts = Attempts(self._retry_timeout if seconds is None else seconds, self._busy_timeout)
        hopeless, attempt = self._outage.given_up, 0
        while True:
            attempts.sent = attempts.lost = attempts.undone = False
            attempt += 1
            try:
                result = await once(attempts, *args)
            except UnavailableError as failure:
                if attempts.uncertain(failure):
                    failure.facts["maybe_done"] = True
                pause = attempts.pause(failure, idempotent=idempotent)
                unreachable = attempts.unreachable(failure)
                if unreachable:
                    self._outage.goes_on(failure)
                if pause is None or (hopeless and unreachable):
                    self._outage.given_up = unreachable
                    raise
                if not unreachable:
                    run_again(failure, statement, attempt, pause)
            else:
                self._outage.is_over()
                return result
            await self.state().sleep(pause)
