"""Sessions in a document store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.documents.histories import History
from agnodb.documents.indexes import HISTORIES
from agnodb.documents.lists import Chosen
from agnodb.documents.runs import DocumentRunRepository
from agnodb.documents.session_saves import SessionSaves
from agnodb.documents.store import Document, Write
from agnodb.filters import Page, present
from agnodb.records.runs import KnownRuns, StoredRun
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.rules.ownership import may_write
from agnodb.rules.searching import contains
from agnodb.rules.session_runs import give_runs
from agnodb.rules.session_saves import ACTIVE, inserted, save
from agnodb.rules.values import integer_in, text_in


class DocumentSessionRepository(SessionSaves):
    """See `agnodb.contracts.sessions.SessionRepository`."""

    concept = "sessions"

    async def get(
        self, session_id: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        return await self.one(session_id, **present(user_id=user_id, session_type=session_type))

    async def get_with_runs(
        self, session_id: str, known: KnownRuns, *, user_id: str | None = None
    ) -> tuple[SessionRecord, list[StoredRun]] | None:
        histories = self.address(self.key_of(session_id), HISTORIES)
        found, counted = await self._executor.get([self.address(session_id), histories])
        session = None if found is None else self.read(found)
        if session is None or (user_id is not None and session.user_id != text_in(user_id)):
            return None
        # No run has a place here, so all that is known is among the recent ones.
        runs = DocumentRunRepository(self._executor, self.collections)
        return session, await runs.since(History.of(histories, counted), session_id, known.recent)

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
        equal = self.map.scalars(present(session_type=session_type, user_id=user_id))
        if component_id is not None:
            if session_type is not None:
                SessionType(session_type)
            equal["component_id"] = text_in(component_id)
        low, high = (None if moment is None else integer_in(moment) for moment in (created_from, created_to))
        ranged = None if low is None and high is None else "created_at"
        keep = None if name is None else _named(name)
        sessions, total = await self.paged(page, Chosen(equal, ranged, low, high, keep=keep))
        if with_runs:
            await give_runs(sessions, DocumentRunRepository(self._executor, self.collections).of_sessions)
        return sessions, total

    async def upsert(self, session: SessionRecord, *, updated_at: int | None = None) -> SessionRecord:
        return await save(self, self.saving(session, updated_at))

    async def insert_if_absent(self, session: SessionRecord) -> bool:
        saving = self.saving(session)
        if await self.inserted(saving, saving.save.documents, as_given=True) is None:
            return False
        inserted(self, saving)
        return True

    async def rename(
        self, session_id: str, name: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        mine = self.map.checked(present(user_id=user_id, session_type=session_type))

        def renamed(stored: SessionRecord | None) -> SessionRecord | None:
            if stored is None or any(getattr(stored, field) != value for field, value in mine.items()):
                return None
            data = stored.session_data if isinstance(stored.session_data, dict) else {}
            return _next(stored, session_data={**data, "session_name": name})

        return await self.compare_and_set(session_id, renamed)

    async def set_data(self, session_id: str, data: object, *, user_id: str | None = None) -> bool:
        def changed(stored: SessionRecord | None) -> SessionRecord | None:
            if stored is None or not may_write(stored.user_id, user_id):
                return None
            return _next(stored, session_data=data, updated_at=clock.now())

        return await self.compare_and_set(session_id, changed) is not None

    async def reassign_owner(self, session_id: str, *, previous_user_id: str, user_id: str | None) -> bool:
        runs = DocumentRunRepository(self._executor, self.collections)
        key, histories = self.key_of(session_id), self.address(session_id, HISTORIES)
        before, after = text_in(previous_user_id), self.map.checked({"user_id": user_id})["user_id"]

        async def given() -> list[Write]:
            found, counted = await self._executor.get([self.address(key), histories])
            stored = None if found is None else self.map.read(found)
            if stored is None or stored.user_id != before:
                return []
            # Whoever begins a run meanwhile writes the history.
            for status in ACTIVE:
                if await runs.count_of_status(session_id, status):
                    return []
            noted = History.of(histories, counted).owned_by(after).write()
            return [noted, self.written(replace(stored, user_id=after), found)]

        return bool(await self.write_all(given))

    async def delete(self, session_id: str, *, user_id: str | None = None) -> bool:
        return await self.delete_many([session_id], user_id=user_id) > 0

    async def delete_many(self, session_ids: Iterable[str], *, user_id: str | None = None) -> int:
        mine = self.map.checked(present(user_id=user_id))
        keys = list(dict.fromkeys(map(self.key_of, session_ids)))

        async def gone() -> list[Write]:
            found = [await self._whole(document) for document in await self.documents(keys) if fits(document)]
            return [write for writes in found for write in writes]

        def fits(document: Document) -> bool:
            session = self.map.read(document)
            return all(getattr(session, name) == value for name, value in mine.items())

        done = await self.write_all(gone)
        return sum(write.address[0] == self.collections.name(self.concept) for write in done)

    async def _whole(self, session: Document) -> list[Write]:
        """The writes that delete a session and its runs, the session last: what a failure leaves can be deleted again.
        Whoever adds a run meanwhile writes the history, so that the session stays for another round."""
        runs = DocumentRunRepository(self._executor, self.collections)
        address = self.collections.name(HISTORIES), session.key
        (history,) = await self._executor.get([address])
        theirs = await self._executor.find(runs.in_order(self.map.read(session).session_id))
        without = Write(address, None, None if history is None else history.version)
        return [*map(runs.without, theirs), without, self.without(session)]


def _next(stored: SessionRecord, **changes: Any) -> SessionRecord:
    return replace(stored, **changes, row_version=(stored.row_version or 0) + 1)


def _named(name: str) -> Any:
    pattern = contains(name)

    def fits(session: SessionRecord) -> bool:
        data = session.session_data
        found = data.get("session_name") if isinstance(data, dict) else None
        return isinstance(found, str) and pattern.search(found) is not None

    return fits
