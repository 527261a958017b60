"""What an executor knows of its database's troubles, and logs of them; see `agnodb.logs` for the records."""

from __future__ import annotations

import logging
import time

from agnodb.errors import UnavailableError
from agnodb.logs import fields, named

EVERY = 10
"""A statement that is run again is logged for the first time in its call, and every so many."""

log = logging.getLogger(__name__)


class Outage:
    """Whether one database can be reached, as far as its callers have noticed."""

    __slots__ = ("_since", "given_up")

    def __init__(self) -> None:
        self._since: float | None = None
        self.given_up = False
        """Whether a call has waited for the database in vain, and none has reached it since."""

    def goes_on(self, failure: UnavailableError) -> None:
        """A call has found no database to connect to. Only the first one is logged."""
        if self._since is None:
            self._since = time.monotonic()
            log.error("The database cannot be reached: %s", named(failure), extra=fields("outage_began", failure))

    def is_over(self) -> None:
        """A call has succeeded."""
        self.given_up = False
        if self._since is not None:
            since, self._since = self._since, None
            seconds = round(time.monotonic() - since, 3)
            log.warning(
                "The database can be reached again, after %s s", seconds, extra=fields("outage_over", seconds=seconds)
            )


def run_again(failure: UnavailableError, statement: str | None, attempt: int, pause: float) -> None:
    """The statement has failed for the `attempt`th time in its call, and is run again after `pause` seconds."""
    if attempt % EVERY == 1:
        told = fields("statement_again", failure, statement=statement, attempt=attempt, pause=round(pause, 3))
        log.warning("%s is run again: %s", statement or "A call", named(failure), extra=told)
