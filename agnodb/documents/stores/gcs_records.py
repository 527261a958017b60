"""Records in a bucket, of which several can be written as a whole though an object alone can.

A batch first puts an intent in the place of each of its records, with what was there and what shall be, each on the
condition that nobody else has written. Then it creates one object, which decides: from then on all of it is stored.
Last, each intent is replaced by what it stands for, and the deciding object goes.

    <prefix>batches/<name>          "done" and the records of the batch, or "undone"

An intent whose batch nobody has decided reads as what was there. Who wants to write such a record waits a while for its
writer, and then decides that the batch is not done: both create the same object, so one of them does. An intent
that is decided is replaced by whoever meets it, so a process may end between any two requests.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from agnodb.documents.store import Address, Document, Refused, Write
from agnodb.documents.stores.gcs_names import Names, Place
from agnodb.documents.stores.gcs_objects import Objects, Stored, age
from agnodb.documents.stores.json_text import document_in, text_of
from agnodb.documents.stores.seen import Seen
from agnodb.errors import ConflictError, StorageError

WRITING = timedelta(seconds=5)
"""How long the writer of a batch has for it, before another who wants one of its records decides."""
PATIENCE = timedelta(hours=1)
"""How old is what nobody can be about to use: a write takes seconds."""
DONE, UNDONE = "done", "undone"


class Known(NamedTuple):
    """What a write must know of the record that it replaces."""

    generation: int
    document: Document
    """Without its text."""


class Intent(NamedTuple):
    """What a batch is about to do with a record."""

    batch: str
    before: Document | None
    after: Document | None

    def text(self) -> str:
        """The object that stands in the place of the record."""
        before, after = (None if one is None else text_of(one) for one in (self.before, self.after))
        return json.dumps({"batch": self.batch, "before": before, "after": after}, ensure_ascii=False)

    @classmethod
    def of(cls, text: bytes) -> Intent | None:
        """The intent of such a text, None for another one. Raises ValueError for a damaged one."""
        if not text.startswith(b'{"batch"'):
            return None
        found = json.loads(text)
        before, after = (None if found[name] is None else document_in(found[name]) for name in ("before", "after"))
        return cls(found["batch"], before, after)


class Records:
    """The records of one database, and their places in lists."""

    def __init__(self, objects: Objects, names: Names) -> None:
        self.objects, self.names = objects, names
        self._seen = Seen[Known]()

    # -- reads ------------------------------------------------------------------------------------------------

    def read(self, address: Address) -> Document | None:
        """The record at `address`."""
        while True:
            stored, intent = self._look(address)
            if stored is None or intent is None:
                return self._plain(address, stored)
            outcome = self.outcome(intent.batch)
            if outcome is not None:
                self.settle(address, stored.generation, intent, outcome)
            else:
                again, _ = self._look(address)  # it may have been decided, done and forgotten in between
                if again is not None and again.generation == stored.generation:
                    return intent.before

    def cleared(self, address: Address) -> Document | None:
        """The record at `address`, in which no intent stands then. Raises Refused while the writer of one is at it."""
        return self._cleared(address)[1]

    def _cleared(self, address: Address) -> tuple[int, Document | None]:
        while True:
            stored, intent = self._look(address)
            if stored is None or intent is None:
                return 0 if stored is None else stored.generation, self._plain(address, stored)
            outcome = self.outcome(intent.batch)
            if outcome is None:
                written = self.objects.age(self.names.record(address))
                if written is not None and written < WRITING:
                    raise Refused(address)
                outcome = self.decide(intent.batch, UNDONE)
            self.settle(address, stored.generation, intent, outcome)

    def _look(self, address: Address) -> tuple[Stored | None, Intent | None]:
        name = self.names.record(address)
        stored = self.objects.read(name)
        try:
            return stored, None if stored is None else Intent.of(stored.text)
        except ValueError as error:
            raise _damaged(name, error) from None

    def _plain(self, address: Address, stored: Stored | None) -> Document | None:
        if stored is None:
            return None
        try:
            document = document_in(stored.text)
        except ValueError as error:
            raise _damaged(self.names.record(address), error) from None
        self.remember(address, stored.generation, document)
        return document

    def replaced(self, write: Write) -> Known | None:
        """The record that a write replaces: read, where it was not read lately. Raises Refused."""
        if write.expected is None:
            return None
        known = self._seen.of(write.address, write.expected)
        if known is not None:
            return known
        generation, document = self.expected(write)
        return None if document is None else Known(generation, document)

    def expected(self, write: Write) -> tuple[int, Document | None]:
        """The generation and the record that a write replaces. Raises Refused."""
        if write.expected is None:
            return 0, None
        generation, document = self._cleared(write.address)
        if document is None or document.version != write.expected:
            raise Refused(write.address)
        return generation, document

    def remember(self, address: Address, generation: int, document: Document) -> None:
        """Note the object of a version of a record."""
        self._seen.remember(address, document.version, Known(generation, replace(document, body="")))

    def forget(self, write: Write) -> None:
        """Read again what a write replaces: it may be another object."""
        self._seen.forget(write.address, write.expected or "")

    # -- places in lists --------------------------------------------------------------------------------------

    def places(self, address: Address, document: Document | None) -> list[Place]:
        """The places of a version of a record."""
        return [] if document is None else [*self.names.places(address, document)]

    def put_places(self, writes: Sequence[Write]) -> None:
        """Make the places of what is written. They count once it is stored."""
        new = [place for write in writes for place in self.places(write.address, write.document)]
        self.objects.together(lambda place: self.objects.put(place.name, "", metadata=place.metadata), new)

    def delete_places(self, versions: Sequence[tuple[Address, Document | None]]) -> None:
        """Delete the places of versions that are not stored."""
        old = [place.name for address, document in versions for place in self.places(address, document)]
        self.objects.together(self.objects.delete, old)

    # -- batches ----------------------------------------------------------------------------------------------

    def outcome(self, batch: str) -> str | None:
        """What was decided of a batch, if anything was."""
        found = self.objects.read(self.names.batch(batch))
        return None if found is None else str(json.loads(found.text)["outcome"])

    def decide(self, batch: str, outcome: str, addresses: Sequence[Address] = ()) -> str:
        """Decide of a batch; what was decided. Where another was faster, that holds."""
        text = json.dumps({"outcome": outcome, "records": addresses}, ensure_ascii=False)
        try:
            self.objects.put(self.names.batch(batch), text, 0)
        except ConflictError:
            # One that is gone again has left no intent: nothing can be settled by what is said of it.
            return self.outcome(batch) or UNDONE
        return outcome

    def settle(self, address: Address, generation: int, intent: Intent, outcome: str) -> None:
        """Put what was decided in the place of an intent, unless another has."""
        made, gone = (intent.after, intent.before) if outcome == DONE else (intent.before, None)
        name = self.names.record(address)
        try:
            if made is None:
                self.objects.delete(name, generation)
            else:
                self.remember(address, self.objects.put(name, text_of(made), generation), made)
        except ConflictError:
            return
        for place in self.places(address, gone):
            self.objects.delete(place.name)

    def sweep(self) -> None:
        """Finish the batches whose writers ended long ago. Raises what a bucket that cannot be used raises."""
        for blob in self.objects.listed(self.names.batch("")):
            found = self.objects.read(blob.name) if age(blob.updated) > PATIENCE else None
            if found is not None:
                for collection, key in json.loads(found.text)["records"]:
                    self.read((collection, key))
                self.objects.delete(blob.name)


def _damaged(name: str, error: ValueError) -> StorageError:
    return StorageError("An object of this database is damaged.", detail=f"{name}: {error}")
