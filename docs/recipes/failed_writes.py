"""Keep the writes that failed in an outage, and do them again when it is over.

    letters = DeadLetters()
    db = AsyncPostgresDb(db_url=url, on_write_failed=letters.keep)
    ...
    await letters.replay(db)

agno swallows the error of a save that fails at the end of a run: the run is COMPLETED, and its messages are gone.
`on_write_failed` sees each such write, with the arguments that do it again. These letters live as long as the process:
what must survive it belongs into a queue or a file of the application's, where `keep` is the place to write it to.
"""

from __future__ import annotations

from collections import deque
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

        Raises UnavailableError while the database stays away: the rest goes on waiting.
        """
        done = 0
        for _ in range(len(self.waiting)):
            failure = self.waiting.popleft()
            try:
                await getattr(db, failure.method)(**failure.arguments)
            except UnavailableError:
                # The hook has kept it again, at the end: the order matters, a session comes before its runs.
                self.waiting.appendleft(self.waiting.pop())
                raise
            except AgnoDbError:
                continue  # and the hook has kept it, where it belongs
            done += 1
        return done
