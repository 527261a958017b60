"""Documents in a bucket of Google Cloud Storage: an object for each record, an empty one for each place in a list.

    <prefix>agno_sessions/records/<key>.json                                the record, as a file that a person can read
    <prefix>agno_sessions/lists/<list>/<what sorts>/<key>/<version>         a place of that version of the record

An object alone is written as a whole, on the condition that nobody else has: so there are no transactions. The places
of a version are there before it, and those of the version before go after it; no two versions share one, so no writer
takes another's away. A place counts if its record stands there, whatever its version.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any, NamedTuple, TypeVar

from agnodb.documents.store import Address, Capabilities, Document, Index, Query, Refused, Write
from agnodb.documents.stores.gcs_clients import SECONDS, translate
from agnodb.documents.stores.gcs_names import Names, Order
from agnodb.documents.stores.json_text import document_in, text_of
from agnodb.errors import ConflictError, StorageError

T = TypeVar("T")

_AT_ONCE = 16
"""Requests of one call that are under way together."""
_MOST = 1_000
"""Records that are read together where all are asked for."""
_PATIENCE = timedelta(hours=1)
"""How old a place is whose record is elsewhere, before it is left over: a write takes seconds."""
_REMEMBERED = 5_000
"""Records of which the generation of the object is remembered: who writes one has read it lately."""


class _Seen(NamedTuple):
    """What a write must know of the record that it replaces."""

    generation: int
    document: Document
    """Without its text."""


class GcsStore:
    """See `agnodb.documents.store.DocumentStore`. `connect` gives the bucket of the client."""

    capabilities = Capabilities(atomic=False, blocking=True, threads=8)

    def __init__(self, connect: Callable[[], Any], prefix: str) -> None:
        self._connect, self._names = connect, Names(prefix)
        self._opened: Any = None
        self._indexes: dict[str, Sequence[Index]] = {}
        self._seen: dict[tuple[Address, str], _Seen] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="agnodb-gcs")

    # -- the port ---------------------------------------------------------------------------------------------

    async def prepare(self, collections: Mapping[str, Sequence[Index]]) -> None:
        for _ in self._listed(self._names.prefix, most=1):
            break  # there is such a bucket
        self._indexes |= collections

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        return self._together(self._read, addresses)

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        places = islice(self._places_of(query, after), offset, None)
        found: list[Document] = []
        while limit is None or len(found) < limit:
            some = [*islice(places, _MOST if limit is None else limit - len(found))]
            documents = self._together(lambda place: self._placed(query, *place), some)
            found += [document for document in documents if document is not None]
            if not some:
                break
        return found

    async def count(self, query: Query) -> int:
        return sum(1 for _ in self._places_of(query))

    async def write(self, writes: Sequence[Write]) -> None:
        for write in writes:
            self._write(write)

    async def close(self) -> None:
        self._threads.shutdown(wait=False)
        self._opened = None

    # -- reads ------------------------------------------------------------------------------------------------

    def _read(self, address: Address) -> Document | None:
        name = self._names.record(address)
        blob = self._asked(lambda bucket: bucket.get_blob(name, retry=None, timeout=SECONDS))
        if blob is None:
            return None
        try:
            given = {"if_generation_match": blob.generation, "retry": None, "timeout": SECONDS}
            text = self._asked(lambda _: blob.download_as_bytes(**given))
        except ConflictError:  # it was replaced meanwhile
            return self._read(address)
        except StorageError as error:
            if "NotFound" not in str(error.detail):
                raise
            return None
        try:
            document = document_in(text)
        except ValueError as error:
            raise StorageError("An object of this database is damaged.", detail=f"{name}: {error}") from None
        self._remember(address, blob.generation, document)
        return document

    def _places_of(self, query: Query, after: Document | None = None) -> Iterator[tuple[Order, str, Any]]:
        """The keys and objects of the places that `query` finds, in its order, beyond `after`: one for each record."""
        order = self._names.order(query)
        blobs = self._listed(order.folder, order.start(after), order.end(after))
        if not order.ascending:
            blobs = iter([*blobs][::-1])
        if query.descending == order.ascending:  # those of one time come in the other order of their keys
            groups = groupby(blobs, key=lambda blob: order.sorting(blob.name))
            blobs = (blob for _, group in groups for blob in [*group][::-1])
        last = None
        for blob in blobs:
            key = order.key(blob)
            if key != last and (after is None or order.is_beyond(blob.name, after)):
                last = key
                yield order, key, blob

    def _placed(self, query: Query, order: Order, key: str, blob: Any) -> Document | None:
        """The document of a place, None where the record is elsewhere by now."""
        document = self._read((query.collection, key))
        if document is not None and order.stands(document, blob.name):
            return document
        if datetime.now(UTC) - blob.updated > _PATIENCE:
            self._delete(blob.name)
        return None

    # -- writes -----------------------------------------------------------------------------------------------

    def _write(self, write: Write) -> None:
        """Write one record. Raises Refused."""
        before = self._replaced(write)
        document, name = write.document, self._names.record(write.address)
        indexes = self._indexes[write.address[0]]
        old = [] if before is None else [*self._names.places(write.address, indexes, before.document)]
        new = [] if document is None else [*self._names.places(write.address, indexes, document)]
        generation = 0 if before is None else before.generation
        self._together(lambda place: self._put(place.name, "", metadata=place.metadata), new)
        try:
            if document is not None:
                generation = self._put(name, text_of(document), generation)
                self._remember(write.address, generation, document)
            elif before is not None:
                self._delete(name, generation)
        except ConflictError:
            self._together(lambda place: self._delete(place.name), new)
            raise Refused(write.address) from None
        self._together(lambda place: self._delete(place.name), old)

    def _replaced(self, write: Write) -> _Seen | None:
        """The record that a write replaces: read, where it was not read lately."""
        if write.expected is None:
            return None
        with self._lock:
            seen = self._seen.get((write.address, write.expected))
        if seen is None:
            document = self._read(write.address)
            if document is None or document.version != write.expected:
                raise Refused(write.address)
            with self._lock:
                seen = self._seen[write.address, write.expected]
        return seen

    def _put(
        self, name: str, text: str, generation: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Write an object; its generation."""
        given: dict[str, Any] = {"content_type": "application/json", "retry": None, "timeout": SECONDS}
        if generation is not None:
            given["if_generation_match"] = generation

        def put(bucket: Any) -> int:
            blob = bucket.blob(name)
            blob.metadata = metadata
            blob.upload_from_string(text, **given)
            made: int = blob.generation
            return made

        return self._asked(put)

    def _delete(self, name: str, generation: int | None = None) -> None:
        """Delete an object, if it is there. Raises ConflictError where that has another generation."""
        given = {} if generation is None else {"if_generation_match": generation}
        try:
            self._asked(lambda bucket: bucket.blob(name).delete(**given, retry=None, timeout=SECONDS))
        except StorageError as error:
            if "NotFound" not in str(error.detail):
                raise
            if generation is not None:
                raise ConflictError(detail=error.detail) from None

    def _remember(self, address: Address, generation: int, document: Document) -> None:
        seen = _Seen(generation, replace(document, body=""))
        with self._lock:
            self._seen.pop((address, seen.document.version), None)
            self._seen[address, seen.document.version] = seen
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]

    # -- requests ---------------------------------------------------------------------------------------------

    def _listed(self, prefix: str, start: str | None = None, end: str | None = None, most: int | None = None) -> Any:
        """The objects whose names begin with `prefix`, from `start` to before `end`, by their names."""
        given = {"start_offset": start, "end_offset": end, "max_results": most, "retry": None, "timeout": SECONDS}
        blobs = self._asked(lambda bucket: iter(bucket.list_blobs(prefix=prefix, **given)))
        while True:
            blob = self._asked(lambda _: next(blobs, None))
            if blob is None:
                return
            yield blob

    def _together(self, work: Callable[[Any], T], each: Iterable[Any]) -> list[T]:
        """What `work` returns for each; several are done at once."""
        given = [*each]
        return [work(one) for one in given] if len(given) < 2 else [*self._threads.map(work, given)]

    def _asked(self, ask: Callable[[Any], T]) -> T:
        with self._lock:
            if self._opened is None:
                self._opened = self._connect()
        try:
            return ask(self._opened)
        except Exception as error:
            raise translate(error) from error
