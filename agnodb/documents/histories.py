"""What goes with a session: how many runs it had, and how often one of them was written.

It is written in the batch of every write of a run, on the condition that nobody else wrote one meanwhile. So each run
has a place of its own, no run is written into a session that is being deleted, and one small document tells whether a
conversation has changed since it was read. It also tells whose the session is, and is written when that changes: who
has seen one lately may write a run on the condition that it is still that, and need not read the session.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from agnodb.documents.encoding import new_version
from agnodb.documents.store import Address, Document, Write


@dataclass(frozen=True, slots=True)
class History:
    """The history of one session, as it was read at `address`."""

    address: Address
    version: str | None
    runs: int = 0
    """How many there are."""
    places: int = 0
    """The place of the next run."""
    changes: int = 0
    """How many times a run was written. Each run has the number of its last write."""
    removals: int = 0
    """How many times runs were deleted."""
    owners: tuple[str | None, ...] = ()
    """Whose the session is: a user's, or nobody's (None). Empty where that was not noted."""

    @classmethod
    def of(cls, address: Address, document: Document | None) -> History:
        """The history in `document`."""
        if document is None:
            return cls(address, None)
        told = json.loads(document.body)
        return cls(address, document.version, **{**told, "owners": tuple(told.get("owners", ()))})

    def with_run(self) -> History:
        """With one more run at its end."""
        return replace(self, runs=self.runs + 1, places=self.places + 1, changes=self.changes + 1)

    def changed(self) -> History:
        """With a run written."""
        return replace(self, changes=self.changes + 1)

    def without(self, runs: int) -> History:
        """With so many of its runs deleted."""
        return replace(self, runs=self.runs - runs, removals=self.removals + 1)

    def owned_by(self, user_id: str | None) -> History:
        """With this owner of its session."""
        return replace(self, owners=(user_id,))

    def write(self) -> Write:
        """Store it, if it is still what was read."""
        told = {name: getattr(self, name) for name in ("runs", "places", "changes", "removals", "owners")}
        document = Document(self.address[1], json.dumps(told), {}, new_version())
        return Write(self.address, document, self.version)
