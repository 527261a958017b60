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
from agnodb.mongo.repository import ROUNDS, Document, MongoRepository
from agnodb.records.sessions import SessionRecord
from agnodb.records.snapshots import DOCUMENTS, MOST_OPEN, Documents, Snapshot
from agnodb.rules.session_saves import Condition, Saving, Written, columns_of

_RECENT = "agnodb_recent_writes"
_VERSION = "agnodb_row_version"


@dataclass(frozen=True, slots=True)
class Given:
    """What a save writes, in any case and when it inserts; what it keeps of a stored session, as its holder has it."""

    changes: Mapping[str, Any]
    inserted: Mapping[str, Any]
    kept: Mapping[str, Any]
    user_id: str | None


def _stored(documents: Documents) -> Document:
    return dict(zip(DOCUMENTS, map(folded, documents), strict=True))


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
        inserted = {**first, **_stored(texts), _VERSION: 1}
        # Those of other components are not there: a session has one kind, for good.
        kept = {name: first[name] for name in ("session_id", "session_type", "user_id", "created_at")}
        place = (self._collections.place, session.session_id)
        return Saving.of(session, Given(changes, inserted, kept, first["user_id"]), texts, place, self.policies)

    # -- one command ------------------------------------------------------------------------------------------

    async def write_if(self, saving: Saving[Given], condition: Condition, documents: Documents) -> Written | None:
        """See `agnodb.rules.session_saves.Saves`."""
        given, as_given = saving.given, documents is saving.save.documents
        if condition != "seen":
            first = {**given.inserted, **_stored(documents), _RECENT: [saving.save.token]}
            if await self.insert_absent(given.inserted["session_id"], first):
                return self._written(first, as_given=as_given)
            return None  # one that is the same is found so when it is looked at
        version = saving.snapshot.version or None
        seen = {**given.kept, **_stored(saving.snapshot.seen or ()), _VERSION: version}
        return await self._replaced(saving, seen, documents, as_given=as_given)

    async def _replaced(
        self, saving: Saving[Given], seen: Document, documents: Documents, *, as_given: bool
    ) -> Written | None:
        """Write `documents` where the session is still as it was `seen`; None where it is not.

        What a save keeps is among what was seen, so what is stored then is known and not sent back.
        """
        owner = {} if saving.given.user_id is None else {"user_id": saving.given.user_id}
        changes = {**saving.given.changes, **_stored(documents), **owner}
        update = {
            "$set": changes,
            "$inc": {_VERSION: 1},
            "$push": {_RECENT: {"$each": [saving.save.token], "$position": 0, "$slice": MOST_OPEN}},
        }
        done = await self.call("save", "update_one", equal(seen), update)
        if not done.matched_count:
            return None
        return self._written({**seen, **changes, _VERSION: (seen[_VERSION] or 0) + 1}, as_given=as_given)

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
            theirs, tokens = self._texts(found), found.pop(_RECENT, None) or []
            # The version too: what others stored may be what was there before, and tell of their save by its token.
            seen = {name: copy.deepcopy(found.get(name)) for name in self.fields.columns}
            stored = self.read(found)
            documents = saving.merged(stored, theirs, tokens, tried=tried)
            if documents is None:
                return stored, theirs, False
            try:
                written = await self._replaced(saving, seen, documents, as_given=False)
            except UnavailableError as failure:
                if not (self.final and failure.facts.get("maybe_done")):
                    raise
                tried = True
                continue
            if written is not None:
                return written
        raise UnavailableError(session_id=session_id, detail="others save this session all the time")
