"""The repository of sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from agnodb.filters import Page
from agnodb.records.runs import KnownRuns, StoredRun
from agnodb.records.sessions import SessionRecord


class SessionRepository(Protocol):
    """Sessions by id. `user_id=None` is agno's "unscoped" in every method; see each for what that means."""

    async def get(
        self, session_id: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        """The session, or None when there is none (of that owner and type). One statement."""
        ...

    async def get_with_runs(
        self, session_id: str, known: KnownRuns, *, user_id: str | None = None
    ) -> tuple[SessionRecord, list[StoredRun]] | None:
        """The session (of that owner) and, of its runs in order, those after `known.last`: as `runs.stored` gives
        them. Where the database tells versions of rows, one statement, which reads no document that is known and sends
        no more for more runs; elsewhere two, and no run has a place.

        None where there is no such session, its runs up to `known.last` are not the known ones, or there are many
        others: `get` and `runs.stored` tell which. Must not be called inside a transaction: what is read there may
        never be stored.
        """
        ...

    async def page(
        self,
        page: Page,
        *,
        session_type: str | None = None,
        user_id: str | None = None,
        component_id: str | None = None,
        name: str | None = None,
        created_from: int | None = None,
        created_to: int | None = None,
        with_runs: bool = False,
    ) -> tuple[list[SessionRecord], int]:
        """One page of sessions and the number of all that match.

        `component_id` is the id of an agent, team or workflow; `name` is a literal substring of the session's
        name; `created_from` and `created_to` are epoch seconds, both included. `with_runs` gives each its `runs`.
        Raises InvalidValueError.
        """
        ...

    async def upsert(self, session: SessionRecord, *, updated_at: int | None = None) -> SessionRecord:
        """Insert the session or change it; the stored row comes back. One atomic statement.

        The stored owner, type and creation time are never changed; `updated_at` becomes the current time when a
        row is changed, or what is given (epoch seconds). Fields of other session types than this session's are left
        as stored. Raises OwnershipError when the session is another user's, also for nobody (`user_id=None`) unless
        the record was read or saved before by its holder.
        """
        ...

    async def insert_if_absent(self, session: SessionRecord) -> bool:
        """Insert the session; False, with the stored row untouched, when the id is taken."""
        ...

    async def rename(
        self, session_id: str, name: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        """Set `session_data["session_name"]` and nothing else, not even `updated_at`; None when there is no such
        session. Atomic."""
        ...

    async def set_data(self, session_id: str, data: object, *, user_id: str | None = None) -> bool:
        """Replace `session_data`; False when there is no such session (that `user_id` may write). Atomic."""
        ...

    async def reassign_owner(self, session_id: str, *, previous_user_id: str, user_id: str | None) -> bool:
        """Give an idle session to `user_id`; False when it is not `previous_user_id`'s or a run is under way."""
        ...

    async def delete(self, session_id: str, *, user_id: str | None = None) -> bool:
        """Delete the session and its runs, atomically; False when there is none (of that owner)."""
        ...

    async def delete_many(self, session_ids: Iterable[str], *, user_id: str | None = None) -> int:
        """Delete sessions and their runs, atomically; the number of sessions deleted (of that owner)."""
        ...
