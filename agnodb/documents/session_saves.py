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
from agnodb.errors import AgnoDbError, UnavailableError
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
        return self._seen(session, _texts(session))

    def _seen(self, session: SessionRecord, documents: Documents) -> SessionRecord:
        """A session that was read, with a snapshot of it and its `documents`."""
        place = (self.collections.place, session.session_id)
        session.snapshot = Snapshot.of_row(place, documents, session.row_version)
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
        known = self._executor.remembered(self.address(saving.given.first.session_id))
        if condition != "seen" and known is None:
            return await self.inserted(saving, documents, as_given=as_given, once=self._executor.capabilities.atomic)
        if condition == "absent":
            return None
        document = known or await self.look(saving.given.first.session_id)
        if document is None:
            return None
        stored = self.map.read(document)
        owner, seen = saving.given.first.user_id, saving.snapshot.seen if condition == "seen" else documents
        mine = stored.user_id in (None, owner) if saving.needs_an_owner else may_write(stored.user_id, owner)
        if not mine or _texts(stored) != seen:
            return None
        return await self._replaced(saving, document, stored, documents, as_given=as_given)

    async def inserted(
        self, saving: Saving[Given], documents: Documents, *, as_given: bool, once: bool = False
    ) -> Written | None:
        """Store the session where none is; None where one is, or if it is to be tried `once` something of one."""
        first = replace(saving.given.first, **_values(documents))
        write = self.written(first, None, **{_RECENT: [saving.save.token]})
        history = History(self.address(first.session_id, HISTORIES), None).owned_by(first.user_id)
        try:
            await self._executor.write([history.write(), write])
        except Refused as refused:
            if once or refused.address != history.address:
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
        claim = [] if owner == stored.user_id else [await self._owned_by(stored.session_id, owner)]
        try:
            await self._executor.write([*claim, write])
        except Refused:
            return None
        return self._written(write, documents, as_given=as_given)

    async def _owned_by(self, session_id: str, user_id: str | None) -> Write:
        """The write that notes the owner of a session beside its runs, which is done with the session's."""
        address = self.address(session_id, HISTORIES)
        (stored,) = await self._executor.get([address])
        return History.of(address, stored).owned_by(user_id).write()

    def _written(self, write: Write, documents: Documents, *, as_given: bool) -> Written:
        assert write.document is not None
        return self._seen(self.map.read(write.document), documents), documents, as_given

    def _tokens(self, document: Document) -> list[str]:
        tokens = self.besides(document).get(_RECENT)
        return tokens if isinstance(tokens, list) else []

    # -- a session that others write too ------------------------------------------------------------------------

    async def settle(self, saving: Saving[Given]) -> Written:
        """See `agnodb.rules.session_saves.Saves`."""
        session_id = saving.given.first.session_id
        known = self._executor.remembered(self.address(session_id))
        if known is not None and (written := await self._merged(saving, known, certain=False)) is not None:
            return written
        for round in range(ROUNDS):
            document = await self.look(session_id)
            if document is None:  # it was deleted meanwhile, or never there
                written = await self.inserted(saving, saving.alone(), as_given=False)
            else:
                written = await self._merged(saving, document, certain=True)
            if written is not None:
                return written
            await self._executor.pause(round)
        raise UnavailableError(session_id=session_id, detail="others save this session all the time")

    async def _merged(self, saving: Saving[Given], over: Document, *, certain: bool) -> Written | None:
        """What is stored after a merge with `over`, if that is stored; else None. Where it is not `certain`, None too
        if nothing is to be written, or must not be."""
        stored = self.map.read(over)
        theirs = _texts(stored)
        try:
            documents = saving.merged(stored, theirs, self._tokens(over), tried=saving.tried)
        except AgnoDbError:
            if certain:
                raise
            return None
        if documents is None:
            return (self.read(over), theirs, False) if certain else None
        return await self._replaced(saving, over, stored, documents, as_given=False)


def _texts(session: SessionRecord) -> Documents:
    values = (getattr(session, name) for name in DOCUMENTS)
    return tuple(None if value is None else codec.encode(value) for value in values)


def _values(documents: Documents) -> dict[str, Any]:
    texts = zip(DOCUMENTS, documents, strict=True)
    return {name: None if text is None else codec.decode(text) for name, text in texts}
