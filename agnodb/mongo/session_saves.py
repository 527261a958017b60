"""How MongoDB saves a session (see `agnodb.rules.session_saves`): one guarded upsert, or compare and set.

The equality of a whole document in a filter is exact, the order of its keys included.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agnodb import codec
from agnodb.errors import UnavailableError
from agnodb.mongo.documents import equal, folded, unfolded
from agnodb.mongo.ownership import may_write
from agnodb.mongo.repository import ROUNDS, Document, MongoRepository
from agnodb.records.sessions import SessionRecord
from agnodb.records.snapshots import DOCUMENTS, MOST_OPEN, Documents, Snapshot
from agnodb.rules.session_saves import Condition, Saving, Written, columns_of

_RECENT = "agnodb_recent_writes"


@dataclass(frozen=True, slots=True)
class Given:
    """What a save writes: in any case, and when it inserts."""

    changes: Mapping[str, Any]
    inserted: Mapping[str, Any]
    user_id: str | None


class SessionSaves(MongoRepository[SessionRecord]):
    """The saving of sessions, for `MongoSessionRepository`."""

    record = SessionRecord

    @property
    def final(self) -> bool:
        return self._executor.final

    def read(self, document: Document) -> SessionRecord:
        texts = self._texts(document)
        session = super().read(document)
        place = (self._collections.place, session.session_id)
        session.snapshot = Snapshot.of_row(place, texts, session.row_version)
        return session

    @staticmethod
    def _texts(document: Document) -> Documents:
        return tuple(unfolded(document.get(name)) for name in DOCUMENTS)

    def saving(self, session: SessionRecord, updated_at: int | None = None) -> Saving[Given]:
        """The save of `session`."""
        first, changes = map(self.fields.encode, columns_of(session, updated_at))
        texts: Documents = tuple(
            None if getattr(session, name) is None else codec.encode(getattr(session, name)) for name in DOCUMENTS
        )
        inserted = {**first, **dict(zip(DOCUMENTS, map(folded, texts), strict=True)), "agnodb_row_version": 1}
        place = (self._collections.place, session.session_id)
        return Saving.of(session, Given(changes, inserted, first["user_id"]), texts, place, self.policies)

    # -- one command ------------------------------------------------------------------------------------------

    async def write_if(self, saving: Saving[Given], condition: Condition, documents: Documents) -> Written | None:
        """See `agnodb.rules.session_saves.Saves`."""
        given, session_id = saving.given, saving.given.inserted["session_id"]
        as_given = documents is saving.save.documents
        stored = dict(zip(DOCUMENTS, map(folded, documents), strict=True))
        if condition != "seen":
            first = {**given.inserted, **stored, _RECENT: [saving.save.token]}
            if await self.insert_absent(session_id, first):
                return self._written(first, as_given=as_given)
            return None  # one that is the same is found so when it is looked at
        seen = dict(zip(DOCUMENTS, map(folded, saving.snapshot.seen or ()), strict=True))
        match = {"session_id": session_id, **equal(seen), **may_write(given.user_id)}
        changed = await self.updated_where("save", match, self._update(saving, stored))
        return None if changed is None else self._written(changed, as_given=as_given)

    def _update(self, saving: Saving[Given], stored: Mapping[str, Any]) -> Document:
        owner = {} if saving.given.user_id is None else {"user_id": saving.given.user_id}
        return {
            "$set": {**saving.given.changes, **stored, **owner},
            "$inc": {"agnodb_row_version": 1},
            "$push": {_RECENT: {"$each": [saving.save.token], "$position": 0, "$slice": MOST_OPEN}},
        }

    def _written(self, document: Document, *, as_given: bool) -> Written:
        texts = self._texts(document)  # reading uses the document up
        return self.read(document), texts, as_given

    # -- a document that others write too -----------------------------------------------------------------------

    async def settle(self, saving: Saving[Given]) -> Written:
        """See `agnodb.rules.session_saves.Saves`."""
        tried, session_id = saving.tried, saving.given.inserted["session_id"]
        projection = {**self.fields.projection, _RECENT: 1}
        for _ in range(ROUNDS):
            found = await self.call("look", "find_one", {"session_id": session_id}, projection)
            if found is None:  # it was deleted meanwhile, or never there
                written = await self.write_if(saving, "absent", saving.alone())
                if written is not None:
                    return written
                continue
            theirs, raw = self._texts(found), {name: copy.deepcopy(found.get(name)) for name in DOCUMENTS}
            version, tokens = found.get("agnodb_row_version"), found.get(_RECENT) or []
            stored = self.read(found)
            documents = saving.merged(stored, theirs, tokens, tried=tried)
            if documents is None:
                return stored, theirs, False
            # The version too: what others stored may be what was there before, and tell of their save by its token.
            match = {
                "session_id": session_id,
                "agnodb_row_version": version,
                **equal(raw),
                "user_id": found.get("user_id"),
            }
            folded_documents = dict(zip(DOCUMENTS, map(folded, documents), strict=True))
            try:
                changed = await self.updated_where("save", match, self._update(saving, folded_documents))
            except UnavailableError as failure:
                if not (self.final and failure.facts.get("maybe_done")):
                    raise
                tried = True
                continue
            if changed is not None:
                return self._written(changed, as_given=False)
        raise UnavailableError(session_id=session_id, detail="others save this session all the time")
