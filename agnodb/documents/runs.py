"""Runs in a document store."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from agnodb import clock
from agnodb.documents.histories import History
from agnodb.documents.indexes import HISTORIES
from agnodb.documents.repository import ROUNDS
from agnodb.documents.session_runs import SessionRuns
from agnodb.documents.store import Document, Refused, Write
from agnodb.errors import AgnoDbError, NotFoundError, OwnershipError, UnavailableError
from agnodb.records.runs import SAVED_AGAIN, RunRecord
from agnodb.rules.cancelling import cancellation
from agnodb.rules.ownership import may_write
from agnodb.rules.runs import Runs
from agnodb.text import decode_text


class _Found(NamedTuple):
    """What a write of a run looks at."""

    run: Document | None
    owner: str | None
    """Whose the session is."""
    history: History


class DocumentRunRepository(Runs, SessionRuns):
    """See `agnodb.contracts.runs.RunRepository`."""

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, run: RunRecord) -> RunRecord:
        given, now = self._given(run), clock.now()

        def changed(stored: RunRecord | None) -> RunRecord | None:
            if stored is None:
                return replace(given, updated_at=now)
            owner = stored.user_id if given.user_id is None else given.user_id
            return replace(stored, **{n: getattr(given, n) for n in SAVED_AGAIN}, user_id=owner)

        written = await self._written_if(given, changed)
        assert written is not None
        place = ("user_id", "run_index", "created_at", "updated_at")
        return replace(run, **{name: getattr(written, name) for name in place})

    async def save(self, run: RunRecord) -> None:
        await self.upsert(run)

    async def append_if_absent(self, run: RunRecord) -> bool:
        given = self._given(run)
        return await self._written_if(given, lambda stored: given if stored is None else None) is not None

    def _given(self, run: RunRecord) -> RunRecord:
        now = clock.now()
        created_at = now if run.created_at is None else run.created_at
        given = replace(run, created_at=created_at, updated_at=now, run_index=None)
        values = {name: getattr(given, name) for name in ("run_id", "session_id", "user_id", "run_type", "created_at")}
        return replace(given, **self.map.checked(values))

    async def _written_if(
        self, given: RunRecord, change: Callable[[RunRecord | None], RunRecord | None]
    ) -> RunRecord | None:
        """Store what `change` makes of the stored run, for the writer of `given`; None where it makes nothing.

        Raises NotFoundError without the session, OwnershipError where the writer may change neither.
        """

        def decide(found: _Found | None) -> RunRecord | None:
            if found is None:
                raise NotFoundError("There is no such session.", session_id=given.session_id, run_id=given.run_id)
            stored = None if found.run is None else self.read(found.run)
            # A run that its writer owns may be saved by them, whoever has got its session since.
            own = stored is not None and given.user_id is not None and stored.user_id == given.user_id
            theirs = stored is None or (
                stored.session_id == given.session_id and may_write(stored.user_id, given.user_id)
            )
            made = change(stored)
            if made is None and stored is not None:
                return None
            if not theirs or not (own or may_write(found.owner, given.user_id)):
                raise OwnershipError(session_id=given.session_id, run_id=given.run_id, user_id=given.user_id)
            return made

        return await self._changed(given.run_id, given.session_id, decide)

    async def _changed(
        self, run_id: str, session_id: str, decide: Callable[[_Found | None], RunRecord | None]
    ) -> RunRecord | None:
        """Store what `decide` makes of what is stored: that; None where it makes nothing.

        It is asked again after somebody else's write. Where the session's history was read or written lately it is one
        request, else two.
        """
        known = self._known(run_id, session_id)
        if known is not None:
            made: RunRecord | None = None
            with contextlib.suppress(AgnoDbError):  # whether it is so is looked at first
                made = decide(known)
            if made is not None and (written := await self._write(made, known)) is not None:
                return written
        for round in range(ROUNDS):
            found = await self._found(run_id, session_id)
            made = decide(found)
            if made is None or found is None:
                return None
            if (written := await self._write(made, found)) is not None:
                return written
            await self._executor.pause(round)
        raise UnavailableError(run_id=run_id, detail="others write the runs of this session all the time")

    def _known(self, run_id: str, session_id: str) -> _Found | None:
        """What is stored of a run and its session if a write over it succeeds. A run that was not seen lately is taken
        for a new one. None where nothing is known."""
        histories = self.address(session_id, HISTORIES)
        document = self._executor.remembered(histories) if self._executor.capabilities.atomic else None
        history = History.of(histories, document)
        if document is None or not history.owners:
            return None
        return _Found(self._executor.remembered(self.address(run_id)), history.owners[0], history)

    async def _found(self, run_id: str, session_id: str) -> _Found | None:
        """What is stored of a run and its session; None when there is no session."""
        sessions = self.address(session_id, "sessions")
        histories = self.address(session_id, HISTORIES)
        run, session, history = await self._executor.get([self.address(run_id), sessions, histories])
        if session is None:
            return None
        return _Found(run, _owner(session), History.of(histories, history))

    async def _write(self, run: RunRecord, found: _Found) -> RunRecord | None:
        """Store `run` where `found.run` is, a new one at the end of its session; None when others wrote meanwhile."""
        history = found.history.with_run() if found.run is None else found.history.changed()
        history = history.owned_by(found.owner)
        if found.run is None:
            run = replace(run, run_index=found.history.places)
        try:
            await self._executor.write([history.write(), self.numbered(run, history, found.run)])
        except Refused:
            return None
        return run

    def numbered(self, run: RunRecord, history: History, over: Document | None = None) -> Write:
        """The write of `run` where `over` is stored, with its number among the writes that `history` counts."""
        write = self.written(run, over)
        assert write.document is not None
        fields = {**write.document.fields, "change": history.changes}
        return replace(write, document=replace(write.document, fields=fields))

    async def patch(
        self,
        run_id: str,
        session_id: str,
        change: Callable[[RunRecord], dict[str, Any] | None],
        *,
        user_id: str | None = None,
    ) -> bool | None:
        mine = self.map.checked({"run_id": run_id, "session_id": session_id, "user_id": user_id})
        answer: bool | None = None

        def decide(found: _Found | None) -> RunRecord | None:
            nonlocal answer
            answer = None
            if found is None or found.run is None or not may_write(found.owner, mine["user_id"]):
                return None
            stored = self.read(found.run)
            if stored.session_id != mine["session_id"] or not may_write(stored.user_id, mine["user_id"]):
                return None
            values = change(self.read(found.run))
            answer = values is not None
            if values is None:
                return None
            return replace(stored, **self.map.checked({**values, "updated_at": clock.now()}))

        await self._changed(mine["run_id"], mine["session_id"], decide)
        return answer

    async def cancel(
        self, run_id: str, session_id: str, *, reason: str, expected_status: str, user_id: str | None = None
    ) -> bool:
        change = cancellation(expected_status, reason)
        return bool(await self.patch(run_id, session_id, change, user_id=user_id))

    # -- deletes ----------------------------------------------------------------------------------------------

    async def delete(self, run_id: str) -> bool:
        return await self.delete_many([run_id]) > 0

    async def delete_many(self, run_ids: Iterable[str]) -> int:
        keys = list(dict.fromkeys(map(self.key_of, run_ids)))

        async def gone() -> list[Write]:
            found = await self.documents(keys)
            sessions = Counter(self.read(document).session_id for document in found)
            histories = [self.address(session_id, HISTORIES) for session_id in sessions]
            stored = await self._executor.get(histories) if histories else []
            noted = [
                History.of(address, document).without(number).write()
                for address, document, number in zip(histories, stored, sessions.values(), strict=True)
            ]
            return [*noted, *map(self.without, found)]

        done = await self.write_all(gone)
        return sum(write.document is None for write in done)


def _owner(session: Document) -> str | None:
    owner = session.fields.get("user_id")
    return None if owner is None else decode_text(str(owner))
