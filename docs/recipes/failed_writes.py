"""Keep the writes that failed in an outage, and do them again when it is over.

    letters = DeadLetters()
    db = AsyncPostgresDb(db_url=url, on_write_failed=letters.keep)
    ...
    await letters.replay(db)

agno swallows the error of a save that fails at the end of a run: the run is COMPLETED, and its messages are gone.
`on_write_failed` sees each such write, with the arguments that do it again. These letters live as long as the process:
what must survive it belongs into a queue or a file of the application's, where `keep` is the place to write it to.

A letter is as old as its outage. A session is merged; but where a memory, a learning or a content was saved again
since, its letter puts the older value back: look first, or drop it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

from agnodb import WriteFailure
from agnodb.errors import AgnoDbError, ConflictError, InvalidValueError, UnavailableError


class DeadLetters:
    """Failed writes in their order. `given_up` are those that no repetition can help."""

    def __init__(self) -> None:
        self.waiting: deque[WriteFailure] = deque()
        self.given_up: list[WriteFailure] = []

    def keep(self, failure: WriteFailure) -> None:
        """The hook. A write that was refused for what it says would be refused again."""
        refused = isinstance(failure.error, ConflictError | InvalidValueError)
        (self.given_up if refused else self.waiting).append(failure)

    async def replay(self, db: Any) -> int:
        """Do the waiting writes again, in their order; how many were done.

        Raises UnavailableError while the database stays away: the rest goes on waiting. One replay at a time.
        """
        done = 0
        for failure in list(self.waiting):  # each stays in its place until it is known what became of it
            try:
                await getattr(db, failure.method)(**failure.arguments)
            except UnavailableError as error:
                self._forget(error)
                raise
            except AgnoDbError as error:
                self._forget(error)
                self.waiting.remove(failure)
                self.keep(replace(failure, error=error))
                continue
            self.waiting.remove(failure)
            done += 1
        return done

    def _forget(self, error: Exception) -> None:
        """What the hook has kept of a repetition. In a task that the hook itself started there is nothing."""
        for letters in (self.waiting, self.given_up):
            if letters and letters[-1].error is error:
                letters.pop()
