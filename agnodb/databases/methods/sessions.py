"""agno's session methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agnodb.databases.methods.base import Methods, plain
from agnodb.executors.run_cache import RunCache
from agnodb.filters import Page
from agnodb.records.sessions import SessionRecord, SessionType


class SessionMethods(Methods):
    """Sessions, with their runs attached."""

    async def get_session(
        self,
        session_id: str,
        session_type: Any = None,
        user_id: str | None = None,
        deserialize: bool | None = True,
        runs_limit: int | None = None,
    ) -> Any:
        """The session with its runs in order, or None.

        Two statements. On PostgreSQL and MySQL one where its runs were read before, and three where one of them was
        deleted since, or one that is not among the last eight was changed.

        `runs_limit` attaches only the last so many runs that are history for a model. The run objects of an agent's
        session are shared with other reads of it: copy what you change, as agno does, or take `deserialize=False`.
        """
        asked = plain(session_type)
        cache = self._run_cache if deserialize and runs_limit is None else None
        if cache is not None:
            found = await self._changed(session_id, asked, user_id, cache)
            if found is not None:
                return self._given(*found, session_type, deserialize)
        session = await self.repositories.sessions.get(session_id, user_id=user_id)
        if session is None:
            return None
        if cache is not None and asked in (None, session.session_type):
            runs = await self._cached_runs(session, cache)
        elif runs_limit is None:
            runs = await self.repositories.runs.of_session(session_id)
        else:
            runs = await self.repositories.runs.history(session_id, runs_limit)
        return self._given(session, runs, session_type, deserialize)

    async def _changed(
        self, session_id: str, asked: Any, user_id: str | None, cache: RunCache
    ) -> tuple[SessionRecord, list[Any]] | None:
        """The session and its runs, where those that are held are its first ones: see `get_with_runs`."""
        held = cache.held(session_id)
        known = held.known()
        if known is None:
            return None
        found = await self.repositories.sessions.get_with_runs(session_id, known, user_id=user_id)
        if found is None or asked not in (None, found[0].session_type):
            return None
        session, recent = found
        return session, _read(session, cache.changed(session_id, held, known, recent, self._kept(session)))

    async def _cached_runs(self, session: SessionRecord, cache: RunCache) -> list[Any]:
        held = cache.held(session.session_id)
        stored = await self.repositories.runs.stored(session.session_id, held.runs.keys())
        return _read(session, cache.objects(session.session_id, held, stored, self._kept(session)))

    def _kept(self, session: SessionRecord) -> Callable[[Callable[[], Any]], Any]:
        """What is kept of a run, by what gives its document: an agent's as the object, which agno does not change. Of
        teams and workflows that is not said, so theirs are parsed at every read, from the text that is kept."""
        return (lambda load: self.objects.history_run(load())) if _shares(session) else lambda load: load

    def _given(self, session: SessionRecord, runs: Any, session_type: Any, deserialize: bool | None) -> Any:
        if deserialize:
            return self.objects.session(session, runs or [], session_type)
        return {**session.to_dict(), "runs": runs}

    async def get_sessions(
        self,
        session_type: Any = None,
        user_id: str | None = None,
        component_id: str | None = None,
        session_name: str | None = None,
        start_timestamp: int | None = None,
        end_timestamp: int | None = None,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        deserialize: bool | None = True,
        include_runs: bool = True,
    ) -> Any:
        """A page of sessions: a list of objects, or (dictionaries, number of all that match).

        One statement, on other databases than PostgreSQL one more for the runs of the page when `include_runs`.
        """
        sessions, total = await self.repositories.sessions.page(
            Page(limit, page, sort_by, sort_order),
            session_type=plain(session_type),
            user_id=user_id,
            component_id=component_id,
            name=session_name,
            created_from=start_timestamp,
            created_to=end_timestamp,
            with_runs=include_runs,
        )
        given = [self._given(session, session.runs, session_type, deserialize) for session in sessions]
        return given if deserialize else (given, total)

    async def upsert_session(self, session: Any, deserialize: bool | None = True) -> Any:
        """Save the session without its runs; the stored session comes back with the runs of the one given.

        One atomic statement. Raises OwnershipError when the session is another user's.
        """
        stored = await self.repositories.sessions.upsert(self.objects.session_record(session))
        return self._upserted(stored, self.objects.session_runs(session), deserialize)

    async def upsert_sessions(
        self, sessions: list[Any], deserialize: bool | None = True, preserve_updated_at: bool = False
    ) -> list[Any]:
        """Save all sessions or none; the stored ones come back in order. One transaction.

        With `preserve_updated_at` they keep their own time of change. Raises OwnershipError when one is another user's.
        """
        async with self.transaction() as repositories:
            stored = [
                await repositories.sessions.upsert(
                    self.objects.session_record(session),
                    updated_at=session.updated_at if preserve_updated_at else None,
                )
                for session in sessions
            ]
        return [
            self._upserted(record, self.objects.session_runs(session), deserialize)
            for record, session in zip(stored, sessions, strict=True)
        ]

    def _upserted(self, stored: SessionRecord, runs: list[Any] | None, deserialize: bool | None) -> Any:
        if deserialize:
            return self.objects.session(stored, runs)
        return {**stored.to_dict(), "runs": [self.objects.run_document(run) for run in runs or ()]}

    async def insert_session_if_absent(self, session: Any) -> bool:
        """Insert the session; False, with the stored row untouched, when the id is taken."""
        return await self.repositories.sessions.insert_if_absent(self.objects.session_record(session))

    async def rename_session(
        self,
        session_id: str,
        session_type: Any,
        session_name: str,
        user_id: str | None = None,
        deserialize: bool | None = True,
    ) -> Any:
        """Set the session's name and nothing else; the session with its runs, or None."""
        session = await self.repositories.sessions.rename(
            session_id, session_name, user_id=user_id, session_type=plain(session_type)
        )
        if session is None:
            return None
        runs = await self.repositories.runs.of_session(session_id)
        return self._given(session, runs, session_type, deserialize)

    async def reassign_session_owner(self, session_id: str, *, previous_user_id: str, user_id: str | None) -> bool:
        """Give an idle session to another user; False when its owner is another one or a run is under way."""
        return await self.repositories.sessions.reassign_owner(
            session_id, previous_user_id=previous_user_id, user_id=user_id
        )

    async def delete_session(self, session_id: str, user_id: str | None = None) -> bool:
        """Delete the session and its runs; False when there is none (of that owner)."""
        return await self.repositories.sessions.delete(session_id, user_id=user_id)

    async def delete_sessions(self, session_ids: list[str], user_id: str | None = None) -> None:
        """Delete sessions (of that owner) and their runs."""
        await self.repositories.sessions.delete_many(session_ids, user_id=user_id)


def _shares(session: SessionRecord) -> bool:
    """Whether the reads of a session may share its run objects."""
    return session.session_type == SessionType.AGENT


def _read(session: SessionRecord, kept: list[Any]) -> list[Any]:
    """The runs of a session, of what is kept of them."""
    return kept if _shares(session) else [load() for load in kept]
