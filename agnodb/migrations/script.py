"""The revisions on tables that nobody has made yet: Alembic writes their statements down, and they are sent as one.

A DO block is one statement for every driver, which a list of statements is not, and costs one turn to the server
where each of them would cost one or two. Only PostgreSQL has it.
"""

from __future__ import annotations

import copy
import io

from alembic.runtime.migration import MigrationContext

from agnodb.migrations.quoting import literal


class Script:
    """What is written to `context`, in place of the online `run`, until it is sent."""

    def __init__(self, run: MigrationContext) -> None:
        self._connection = run.connection
        self._written = io.StringIO()
        # The dialect is the connection's: it knows how this server reads backslashes, and this driver percent signs.
        # A copy, because a new context of Alembic's logs that it generates SQL, as if nothing else were to happen.
        self.context = copy.copy(run)
        self.context.as_sql = True
        self.context.impl = type(run.impl)(run.dialect, None, True, None, self._written, {"literal_binds": True})

    def send(self) -> None:
        """Run what was written, in the connection's transaction: all of it, or an error and none."""
        if self._connection is not None and (statements := self._written.getvalue()):
            self._connection.exec_driver_sql(f"DO {literal(f'BEGIN {statements} END')}")
        self._written.seek(0)
        self._written.truncate()
