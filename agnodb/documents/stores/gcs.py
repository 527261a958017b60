"""Documents in a bucket of Google Cloud Storage: an object for each record, an empty one for each place in a list.

    <prefix>agno_sessions/records/<key>.json                                the record, as a file that a person can read
    <prefix>agno_sessions/lists/<list>/<what sorts>/<key>/<version>         a place of that version of the record

An object alone is written as a whole, on the condition that nobody else has; how several are, is in
`agnodb.documents.stores.gcs_records`. The places of a version are there before it, and those of the version before go
after it; no two versions share one, so no writer takes another's away. A place counts if its record stands there,
whatever its version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

from agnodb.documents.store import Address, Capabilities, Document, Index, Query, Scalar, Write
from agnodb.documents.stores.gcs_batches import Batch, write_one
from agnodb.documents.stores.gcs_names import Names, Order
from agnodb.documents.stores.gcs_objects import Objects, age
from agnodb.documents.stores.gcs_records import PATIENCE, Records

_MOST = 1_000
"""Records that are read together where all are asked for."""


class GcsStore:
    """See `agnodb.documents.store.DocumentStore`. `connect` gives the bucket of the client; each event loop and process
    has a store of its own, and `names` are for all of them."""

    capabilities = Capabilities(batch=100, lists=16, blocking=True, threads=8)

    def __init__(self, connect: Callable[[], Any], names: Names) -> None:
        self._names, self._objects = names, Objects(connect)
        self._records = Records(self._objects, self._names)

    # -- the port ---------------------------------------------------------------------------------------------

    async def prepare(self, collections: Mapping[str, Sequence[Index]]) -> None:
        self._names.indexes |= collections
        self._records.sweep()

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        return self._objects.together(self._records.read, addresses)

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        places = islice(self._places_of(query, after), offset, None)
        found: list[Document] = []
        while limit is None or len(found) < limit:
            some = [*islice(places, _MOST if limit is None else limit - len(found))]
            documents = self._objects.together(lambda place: self._placed(query, *place), some)
            found += [document for document in documents if document is not None]
            if not some:
                break
        return found

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        def places(value: Scalar) -> list[tuple[Order, str, Any]]:
            return [*self._places_of(replace(query, values=(*query.values, value)))]

        listed = self._objects.together(places, values)
        of_all = [place for of_one in listed for place in of_one]
        found = iter(self._objects.together(lambda place: self._placed(query, *place), of_all))
        return [[one for one in islice(found, len(of_one)) if one is not None] for of_one in listed]

    async def count(self, query: Query) -> int:
        return sum(1 for _ in self._places_of(query))

    async def write(self, writes: Sequence[Write]) -> None:
        if len(writes) == 1:
            write_one(self._records, writes[0])
        elif writes:
            Batch(self._records, writes).write()

    async def close(self) -> None:
        self._objects.close()

    # -- reads ------------------------------------------------------------------------------------------------

    def _places_of(self, query: Query, after: Document | None = None) -> Iterator[tuple[Order, str, Any]]:
        """The keys and objects of the places that `query` finds, in its order, beyond `after`: one for each record."""
        order = self._names.order(query)
        blobs = self._objects.listed(order.folder, order.start(after), order.end(after))
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
        document = self._records.read((query.collection, key))
        if document is not None and order.stands(document, blob.name):
            return document
        if age(blob.updated) > PATIENCE:
            self._objects.delete(blob.name)
        return None
