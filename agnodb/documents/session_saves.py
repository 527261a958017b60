"""How a document store saves a session (see `agnodb.rules.session_saves`): read, merge, and write what is still that.

The tokens of the last saves are in the document beside the columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agnodb import codec
from agnodb.documents.histories import History
from agnodb.documents.indexes import HISTORIES
from agnodb.documents.repository import ROUNDS, DocumentRepository
from agnodb.documents.store import Document, Refused, Write
from agnodb.errors import UnavailableError
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.snapshots import DOCUMENTS, MOST_OPEN, Documents, Snapshot
from agnodb.rules.ownership import may_write
from agnodb.rules.session_saves import COMPONENT, Condition, Saving, Written, columns_of

_RECENT = "agnodb_recent_writes"


@dataclass(frozen=True, slots=True)
class Given:
    """What a save writes: what it inserts, and of that the columns that it changes in a stored session."""

    first: SessionRecord
    changes: Mapping[str, Any]


class SessionSaves(DocumentRepository[SessionRecord]):
    """The saving of sessions, for `DocumentSessionRepository`."""

    record = SessionRecord
    beside = (_RECENT,)

    @staticmethod
    def derived(record: Any) -> Mapping[str, Any]:
        kinds = (COMPONENT[kind][0] for kind in SessionType)
        return {"component_id": next((found for kind in kinds if (found := getattr(record, kind)) is not None), None)}

    @property
    def final(self) -> bool:
        return self._executor.final

    def read(self, document: Document) -> SessionRecord:
        """The session of a document, with a snapshot of it."""
        session = self.map.read(document)
        place = (self.collections.place, session.session_id)
        session.snapshot = Snapshot.of_row(place, _texts(session), session.row_version)
        return session

    def saving(self, session: SessionRecord, updated_at: int | None = None) -> Saving[Given]:
        """The save of `session`."""
        first, changes = map(self.map.checked, columns_of(session, updated_at))
        place = (self.collections.place, session.session_id)
        given = Given(SessionRecord(**first, row_version=1), changes)
        return Saving.of(session, given, _texts(session), place, self.policies)

    # -- one condition ----------------------------------------------------------------------------------------

    async def write_if(self, saving: Saving[Given], condition: Condition, documents: Documents) -> Written | None:
        """See `agnodb.rules.session_saves.Saves`."""
        as_given = documents is saving.save.documents
        if condition != "seen":
            return await self._inserted(saving, documents, as_given=as_given)
        document = await self.look(saving.given.first.session_id)
        if document is None:
            return None
        stored = self.map.read(document)
        if _texts(stored) != saving.snapshot.seen or not may_write(stored.user_id, saving.given.first.user_id):
            return None
        return await self._replaced(saving, document, stored, documents, as_given=as_given)

    async def _inserted(self, saving: Saving[Given], documents: Documents, *, as_given: bool) -> Written | None:
        first = replace(saving.given.first, **_values(documents))
        write = self.written(first, None, **{_RECENT: [saving.save.token]})
        history = History(self.address(first.session_id, HISTORIES), None)
        try:
            await self._executor.write([history.write(), write])
        except Refused as refused:
            if refused.address != history.address:
                return None
            try:  # what a store that is not atomic leaves of an insert that was cut off
                await self._executor.write([write])
            except Refused:
                return None
        return self._written(write, documents, as_given=as_given)

    async def _replaced(
        self, saving: Saving[Given], over: Document, stored: SessionRecord, documents: Documents, *, as_given: bool
    ) -> Written | None:
        owner = stored.user_id if saving.given.first.user_id is None else saving.given.first.user_id
        version = (stored.row_version or 0) + 1
        made = replace(stored, **saving.given.changes, **_values(documents), user_id=owner, row_version=version)
        tokens = [saving.save.token, *self._tokens(over)][:MOST_OPEN]
        write = self.written(made, over, **{_RECENT: tokens})
        try:
            await self._executor.write([write])
        except Refused:
            return None
        return self._written(write, documents, as_given=as_given)

    def _written(self, write: Write, documents: Documents, *, as_given: bool) -> Written:
        assert write.document is not None
        return self.read(write.document), documents, as_given

    def _tokens(self, document: Document) -> list[str]:
        tokens = self.besides(document).get(_RECENT)
        return tokens if isinstance(tokens, list) else []

    # -- a session that others write too ------------------------------------------------------------------------

    async def settle(self, saving: Saving[Given]) -> Written:
        """See `agnodb.rules.session_saves.Saves`."""
        session_id = saving.given.first.session_id
        for round in range(ROUNDS):
            document = await self.look(session_id)
            if document is None:  # it was deleted meanwhile, or never there
                written = await self.write_if(saving, "absent", saving.alone())
            else:
                stored = self.map.read(document)
                theirs = _texts(stored)
                documents = saving.merged(stored, theirs, self._tokens(document), tried=saving.tried)
                if documents is None:
                    return self.read(document), theirs, False
                written = await self._replaced(saving, document, stored, documents, as_given=False)
            if written is not None:
                return written
            await self._executor.pause(round)
        raise UnavailableError(session_id=session_id, detail="others save this session all the time")


def _texts(session: SessionRecord) -> Documents:
    values = (getattr(session, name) for name in DOCUMENTS)
    return tuple(None if value is None else codec.encode(value) for value in values)


def _values(documents: Documents) -> dict[str, Any]:
    texts = zip(DOCUMENTS, documents, strict=True)
    return {name: None if text is None else codec.decode(text) for name, text in texts}
