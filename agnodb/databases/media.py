"""With `media=`: deleting runs and sessions gives up the media that nothing refers to any more.

It is in front of the repositories of every family. What a run refers to is read before it is deleted; once that is
stored, what is left of the session is read, and what no run of it refers to is given up. agno copies what a fork
inherits, so a reference belongs to one session; the object store counts the uploads of an object.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, cast

from agnodb.contracts.repositories import Repositories
from agnodb.contracts.runs import RunRepository
from agnodb.errors import AgnoDbError
from agnodb.executors.media import MediaObjects

_log = logging.getLogger("agnodb.media")


class Gone:
    """The media of runs that are being deleted."""

    def __init__(self, media: MediaObjects) -> None:
        self._media = media
        self._found: dict[str, set[str]] = {}

    def look_at(self, session_id: str, documents: Iterable[Any]) -> None:
        """Remember what `documents`, which are to be deleted, refer to."""
        for document in documents:
            self._found.setdefault(session_id, set()).update(self._media.keys_in(document, session_id))

    async def release(self, runs: RunRepository) -> None:
        """Give up what no run refers to any more, now that the deletes are stored.

        The rows are gone whatever becomes of their media: an error is logged, and `agnodb media sweep` finds the rest.
        """
        keys: set[str] = set()
        try:
            for session_id, found in self._found.items():
                if found:
                    left = await runs.of_session(session_id)
                    keys |= found.difference(*(self._media.keys_in(document, session_id) for document in left))
            if keys:
                await self._media.release(sorted(keys))
        except AgnoDbError as error:
            _log.warning("media were not deleted", extra={"count": len(keys), "error": type(error).__name__})


def watched(repositories: Repositories, media: MediaObjects | None, gone: Gone | None = None) -> Repositories:
    """`repositories`, whose deletes give up media at once; or, with `gone`, when that is released."""
    if media is None:
        return repositories
    sessions, runs = repositories.sessions, repositories.runs
    made: Any = repositories
    made.sessions, made.runs = _Sessions(sessions, runs, media, gone), _Runs(runs, runs, media, gone)
    return cast(Repositories, made)


class _Watched:
    def __init__(self, inner: Any, runs: RunRepository, media: MediaObjects, gone: Gone | None) -> None:
        self._inner, self._runs, self._media, self._gone = inner, runs, media, gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _begun(self) -> Gone:
        return self._gone or Gone(self._media)

    async def _done(self, gone: Gone) -> None:
        if self._gone is None:
            await gone.release(self._runs)


class _Sessions(_Watched):
    async def delete(self, session_id: str, *, user_id: str | None = None) -> bool:
        gone = self._begun()
        gone.look_at(session_id, await self._runs.of_session(session_id))
        deleted: bool = await self._inner.delete(session_id, user_id=user_id)
        await self._done(gone)
        return deleted

    async def delete_many(self, session_ids: Iterable[str], *, user_id: str | None = None) -> int:
        gone, chosen = self._begun(), list(session_ids)
        for session_id in chosen:
            gone.look_at(session_id, await self._runs.of_session(session_id))
        deleted: int = await self._inner.delete_many(chosen, user_id=user_id)
        await self._done(gone)
        return deleted


class _Runs(_Watched):
    async def delete(self, run_id: str) -> bool:
        gone = self._begun()
        await self._look(gone, run_id)
        deleted: bool = await self._inner.delete(run_id)
        await self._done(gone)
        return deleted

    async def delete_many(self, run_ids: Iterable[str]) -> int:
        gone, chosen = self._begun(), list(run_ids)
        for run_id in chosen:
            await self._look(gone, run_id)
        deleted: int = await self._inner.delete_many(chosen)
        await self._done(gone)
        return deleted

    async def _look(self, gone: Gone, run_id: str) -> None:
        run = await self._runs.get(run_id)
        if run is not None:
            gone.look_at(run.session_id, [run.run_data])
