"""Between the objects that the flat methods take and give, and records.

With agno installed these are agno's objects, without it the records themselves (or their dictionaries).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord


class Objects(Protocol):
    """`x_record` makes a record of an object, `x` an object of a record."""

    def session_record(self, session: Any) -> SessionRecord:
        """The row of a session; its runs are not part of it."""
        ...

    def session(self, record: SessionRecord, runs: Sequence[Any] | None, session_type: Any = None) -> Any:
        """A session with `runs` (documents or objects), of `session_type`, else of the type that is stored."""
        ...

    def session_runs(self, session: Any) -> list[Any] | None:
        """The run objects that a session carries in memory."""
        ...

    def run_record(self, run: Any, session_id: str, user_id: str | None) -> RunRecord:
        """The row of a run. Raises InvalidValueError for a run without an id."""
        ...

    def run(self, record: RunRecord) -> Any:
        """A run."""
        ...

    def run_document(self, run: Any) -> Any:
        """A run object as the document that its row holds."""
        ...

    def run_outcome(self, name: str) -> Any:
        """How a status change of a run ended: 'updated', 'missing', 'stale_attempt' or 'terminal_refused'."""
        ...
