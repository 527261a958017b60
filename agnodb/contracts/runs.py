"""The repository of runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, Protocol

from agnodb.filters import Page
from agnodb.records.runs import RunRecord, StoredRun


class RunRepository(Protocol):
    """Runs by id, and the runs of sessions in their order."""

    async def get(self, run_id: str) -> RunRecord | None:
        """The run, or None."""
        ...

    async def page(
        self,
        page: Page,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: str | None = None,
    ) -> tuple[list[RunRecord], int]:
        """One page of runs, by default in the order of their sessions, and the number of all that match."""
        ...

    async def of_session(self, session_id: str) -> list[Any]:
        """The `run_data` of every run of a session, in order."""
        ...

    async def stored(self, session_id: str, known: Collection[Hashable] = ()) -> list[StoredRun]:
        """Every run of a session, in order, with a token of its content: what a cache of runs needs. One statement.

        `known` are tokens that this repository gave before. Where the database can tell without reading a document
        that it is one of those, the document is neither read nor sent; where it cannot, `known` may be ignored. Must
        not be called inside a transaction: what is read there may never be stored.
        """
        ...

    async def history(self, session_id: str, limit: int) -> list[Any]:
        """The `run_data` of a session's last `limit` runs that are history for a model, in order.

        Left out are runs of team members (those with a parent) and paused, cancelled, failed and regenerated ones.
        """
        ...

    async def of_sessions(self, session_ids: Iterable[str]) -> dict[str, list[Any]]:
        """session id -> the `run_data` of its runs in order; sessions without runs are absent. One statement."""
        ...

    async def upsert(self, run: RunRecord) -> RunRecord:
        """Insert the run at the end of its session, or change it in place. One atomic statement.

        What comes back has the stored `run_index`, owner and creation time, not the document. Raises
        NotFoundError when there is no such session, OwnershipError when the session or the run is another user's
        or the run belongs to another session.
        """
        ...

    async def save(self, run: RunRecord) -> None:
        """As `upsert`, where nobody asks what is stored: it may cost a command to ask."""
        ...

    async def append_if_absent(self, run: RunRecord) -> bool:
        """Insert the run at the end of its session; False, with the stored row untouched, when the id is taken.

        Raises NotFoundError and OwnershipError as `upsert` does.
        """
        ...

    async def patch(
        self,
        run_id: str,
        session_id: str,
        change: Callable[[RunRecord], dict[str, Any] | None],
        *,
        user_id: str | None = None,
    ) -> bool | None:
        """Change a run under its row lock: `change` gets the stored run and gives the columns to set.

        True when it was changed, False when `change` gave None (nothing is written then), None when there is no
        such run in that session, or the run or the session is another user's. `change` must not wait.
        """
        ...

    async def cancel(
        self, run_id: str, session_id: str, *, reason: str, expected_status: str, user_id: str | None = None
    ) -> bool:
        """Cancel the run if its status is still `expected_status`; False otherwise. One atomic statement.

        False also when there is no such run in that session, or the run or the session is another user's.
        """
        ...

    async def delete(self, run_id: str) -> bool:
        """Delete the run; False when there is none."""
        ...

    async def delete_many(self, run_ids: Iterable[str]) -> int:
        """Delete runs; the number deleted."""
        ...
