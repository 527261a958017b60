"""How a session is saved: merged with what others have written since it was read.

The common case is one write, on the condition that what is stored is still what this holder has seen of it. It
compares the documents themselves, so that a write of agno's own adapter, which knows nothing of versions, is seen
too. Where the condition fails, what is stored is merged (see `agnodb.merge`) and written on the condition that it is
still that: the failed write tells it where a database can, so that two writes are all. Else it is looked at, or locked.

A save may be made again after its connection was lost, and adding up a counter twice would be wrong. So each leaves a
token with what it stores, and a holder who finds one of their own there knows how far that has followed them.

A family says how its database does one conditional write, and how it writes on what it has just read (`Saves`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, Protocol, TypeVar

from agnodb import clock
from agnodb.errors import InvalidValueError, OwnershipError, UnavailableError
from agnodb.merge import has_counter
from agnodb.policies import Policies
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.snapshots import MOST_OPEN, Documents, Place, Save, Snapshot, merged_documents

G = TypeVar("G")
T = TypeVar("T")

COMPONENT = {kind: (f"{kind}_id", f"{kind}_data") for kind in SessionType}
"""A session has the id and the data of one component only: the others are not touched."""

ACTIVE = ("PENDING", "RUNNING", "PAUSED")
"""A session with a run of such a status is not idle."""

_FIXED = ("session_id", "session_type", "user_id")


def columns_of(session: SessionRecord, updated_at: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a save inserts beside the documents, and of that what it changes in a stored session. The time of the change
    is `updated_at` or now, in epoch seconds. Raises InvalidValueError for a session of no known type."""
    try:
        component = COMPONENT[SessionType(session.session_type)]
    except ValueError as error:
        raise InvalidValueError("A session is of an agent, a team or a workflow.") from error
    now = clock.now()
    created = now if session.created_at is None else session.created_at
    own = {name: getattr(session, name) for name in component}
    fixed = {name: getattr(session, name) for name in _FIXED}
    first = {**fixed, **own, "created_at": created, "updated_at": created if updated_at is None else updated_at}
    return first, {**own, "updated_at": now if updated_at is None else updated_at}


Condition = Literal["seen", "same", "absent"]
"""When one write may be all: what is stored is as it was seen, is the same anyway, or is not there."""


@dataclass(slots=True)
class Saving(Generic[G]):
    """One save on its way: the session, what its family has made of it, and what was tried."""

    session: SessionRecord
    given: G
    snapshot: Snapshot
    save: Save
    policies: Policies
    tried: bool = False
    """Whether an attempt was made whose outcome is not known."""

    @classmethod
    def of(cls, session: SessionRecord, given: G, documents: Documents, place: Place, policies: Policies) -> Saving[G]:
        """The save of `session`, whose documents are `documents`, in `place`."""
        snapshot = session.snapshot.at(place)
        return cls(session, given, snapshot, snapshot.begin(documents, session.holding), policies)

    @property
    def condition(self) -> Condition:
        """When one write may be all."""
        if self.snapshot.seen is not None:
            return "seen"
        # Two beginnings that count the same have counted twice.
        counts = self.session.updated_at is None and has_counter(self.session.to_dict(), self.policies)
        return "absent" if counts else "same"

    @property
    def needs_an_owner(self) -> bool:
        """Whether nobody may write here but an owner: it would be taken for unscoped by who has not read it."""
        return self.condition != "seen"

    def alone(self) -> Documents:
        """The documents of a write that merges nothing: the one write, or one that finds the session deleted."""
        documents, seen = self.save.documents, self.snapshot.seen
        base, mine = self.snapshot.sides(self.save) or (None, documents)
        if base is not None and seen is not None and base is not seen:
            return merged_documents(base, mine, seen, self.policies)
        return documents

    def merged(
        self, stored: SessionRecord, theirs: Documents, tokens: Sequence[str], *, tried: bool
    ) -> Documents | None:
        """The documents to store where `stored` is, with the `tokens` of its last saves; None: it has followed already.

        Raises OwnershipError, StaleVersionError where the policies say so, and UnavailableError where an attempt of
        unknown outcome was made so long ago that nobody can know.
        """
        session, snapshot, save = self.session, self.snapshot, self.save
        stranger = session.user_id is not None or not snapshot.knows(tokens)
        if stranger and stored.user_id not in (None, session.user_id):
            raise OwnershipError(session_id=session.session_id, user_id=session.user_id)
        sides = snapshot.sides(save, tokens)
        if sides is None:
            return None
        forgotten = len(tokens) == MOST_OPEN and (stored.row_version or 0) - MOST_OPEN > snapshot.version
        if tried and forgotten:
            raise UnavailableError(maybe_done=True, session_id=session.session_id)
        base, mine = sides
        # Where what is stored no longer tells of earlier saves, one of them may have been its beginning.
        fresh = session.updated_at is None and not (forgotten and len(snapshot.open) > 1)
        return merged_documents(base, mine, theirs, self.policies, fresh=fresh)


Written = tuple[SessionRecord, Documents, bool]
"""What is stored now, its documents, and whether they are as given: not merged with anything."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored where a write's condition failed."""

    session: SessionRecord
    documents: Documents
    tokens: Sequence[str]
    """Those of its last saves."""
    replace: Callable[[Documents], Awaitable[Written | None]]
    """Writes documents in its place, on the condition that it is still there; None when it is not."""


class Saves(Protocol[G]):
    """What a family does for a save."""

    @property
    def final(self) -> bool:
        """Whether what was done is stored for good: inside a transaction it is not."""
        ...

    async def write_if(self, saving: Saving[G], condition: Condition, documents: Documents) -> Written | Stored | None:
        """One conditional write of `documents`. When the condition failed, or the owner is another: what is stored if
        the write could tell, else None."""
        ...

    async def settle(self, saving: Saving[G]) -> Written:
        """Read, merge and write until nobody was in between, see `Saving.merged`; all may be done twice."""
        ...


async def save(saves: Saves[G], saving: Saving[G]) -> SessionRecord:
    """Store the session; what is stored comes back. Raises OwnershipError and what `Saving.merged` raises."""
    documents = saving.alone()
    written = await _tried(saves, saving, lambda: saves.write_if(saving, saving.condition, documents))
    if isinstance(written, Stored):
        written = await _tried(saves, saving, partial(_over, saving, written))
    if written is None:
        written = await saves.settle(saving)
    stored, kept, as_given = written
    if saves.final:
        saving.snapshot.stored(saving.save, kept, stored.row_version, as_given=as_given)
    return stored


async def _over(saving: Saving[G], stored: Stored) -> Written | None:
    """The session merged with what is stored; None when that has changed meanwhile."""
    documents = saving.merged(stored.session, stored.documents, stored.tokens, tried=saving.tried)
    if documents is None:
        return stored.session, stored.documents, False
    return await stored.replace(documents)


async def _tried(saves: Saves[G], saving: Saving[G], write: Callable[[], Awaitable[T]]) -> T | None:
    """What `write` gives; None when nobody knows whether it was done, which `settle` will find out."""
    try:
        return await write()
    except UnavailableError as failure:
        if not (saves.final and failure.facts.get("maybe_done")):
            raise
        saving.tried = True
        return None


def inserted(saves: Saves[G], saving: Saving[G]) -> None:
    """The session was inserted as given: its holder is in step with it."""
    if saves.final:
        saving.snapshot.stored(saving.save, saving.save.documents, 1, as_given=True)
