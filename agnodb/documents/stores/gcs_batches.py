"""Writes of records in a bucket: one by itself, or several as a whole; see `agnodb.documents.stores.gcs_records`."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence

from agnodb.documents.store import Address, Refused, Write
from agnodb.documents.stores.gcs_records import DONE, UNDONE, Intent, Records
from agnodb.documents.stores.json_text import text_of
from agnodb.errors import ConflictError, StorageError


def write_one(records: Records, write: Write) -> None:
    """Write one record, its new places before it and its old ones after. Raises Refused."""
    before, objects, document = records.replaced(write), records.objects, write.document
    generation, name = 0 if before is None else before.generation, records.names.record(write.address)
    records.put_places([write])
    try:
        if document is not None:
            records.remember(write.address, objects.put(name, text_of(document), generation), document)
        elif before is not None:
            objects.delete(name, generation)
    except ConflictError:
        _take_back(records, [write])
        raise Refused(write.address) from None
    records.delete_places([] if before is None else [(write.address, before.document)])


class Batch:
    """Several writes, to be done as a whole."""

    def __init__(self, records: Records, writes: Sequence[Write]) -> None:
        self._records, self._writes, self._name = records, writes, secrets.token_hex(8)
        self._standing: list[tuple[Address, int, Intent]] = []
        """The intents that were put, with their generations."""

    def write(self) -> None:
        """Write it, whole or not at all. Raises Refused."""
        records, writes = self._records, self._writes
        # Those that meet at the same records begin at the same one, so that one of them goes on.
        first, *others = sorted(writes, key=lambda write: write.address)
        records.put_places(writes)
        try:
            failed = [self._intend(first)]
            failed += records.objects.together(self._intend, others if failed == [None] else [])
            for error in failed:
                if error is not None:
                    raise error
            outcome = records.decide(self._name, DONE, [write.address for write in writes])
        except ConflictError:
            outcome = UNDONE
            self._settle(UNDONE)
        except StorageError:
            with contextlib.suppress(StorageError):  # else whoever meets what is left does it
                self._end(records.decide(self._name, UNDONE))
            raise
        if outcome != DONE:
            raise Refused(_take_back(records, writes) or first.address)
        with contextlib.suppress(StorageError):  # it is stored, and whoever meets what is left goes on
            self._end(DONE)

    def _intend(self, write: Write) -> StorageError | None:
        """Put the intent of one write; why it could not be."""
        name = self._records.names.record(write.address)
        try:
            generation, before = self._records.expected(write)
            intent = Intent(self._name, before, write.document)
            made = self._records.objects.put(name, intent.text(), generation)
        except StorageError as error:
            return error
        self._standing.append((write.address, made, intent))
        return None

    def _settle(self, outcome: str) -> None:
        def settle(standing: tuple[Address, int, Intent]) -> None:
            self._records.settle(*standing, outcome=outcome)

        self._records.objects.together(settle, self._standing)

    def _end(self, outcome: str) -> None:
        self._settle(outcome)
        self._records.objects.delete(self._records.names.batch(self._name))


def _take_back(records: Records, writes: Sequence[Write]) -> Address | None:
    """Undo what was prepared for writes that were refused; the first address that is not as expected."""
    for write in writes:
        records.forget(write)
    stored = records.objects.together(lambda write: records.read(write.address), writes)
    versions = [None if document is None else document.version for document in stored]
    # What is stored is of an attempt whose answer was lost: its places are in use.
    unused = [write for write, version in zip(writes, versions, strict=True) if version != write.version]
    records.delete_places([(write.address, write.document) for write in unused])
    for write in writes:
        records.cleared(write.address)
    others = (write.address for write, v in zip(writes, versions, strict=True) if v != write.expected)
    return next(others, None)
