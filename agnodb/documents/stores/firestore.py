"""Documents in Firestore: one for each record, found by its own indexes.

A batch is one commit on the condition that each document was last written when it was read: all of it is done, or
nothing, in one request where a transaction needs three. Reads and queries are consistent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from agnodb.documents.store import Address, Capabilities, Document, Index, Query, Refused, Scalar, Write
from agnodb.documents.stores import firestore_records as records
from agnodb.documents.stores.firestore_clients import Requests
from agnodb.documents.stores.long_texts import to_be_split
from agnodb.documents.stores.seen import Seen
from agnodb.errors import ConflictError, StorageError, UnavailableError

IN_COMMIT = 500
"""Writes of one at most."""
_ROOM = {"one": records.PART_BYTES, "all": 5_000_000, "short": 5_000}
"""Bytes of texts in their records: a commit has 10 MiB at most with all else that is in it."""
_PARTS_IN_COMMIT, _DELETES_IN_COMMIT, _IN_READ = 10, 500, 1_000


class Stored(NamedTuple):
    """What a write must know of the document that it replaces."""

    at: Any
    """When it was written last."""
    parts: int


class FirestoreStore:
    """See `agnodb.documents.store.DocumentStore`. `connect` gives a client, async or not; `client` is one that was
    passed in, and is not closed here. `seen` is the same for all clients of a database."""

    capabilities = Capabilities(batch=IN_COMMIT, lists=30)

    def __init__(self, seen: Seen[Stored], connect: Callable[[], Any], client: Any = None) -> None:
        self._seen, self._connect, self._given = seen, connect, client
        self._opened: Requests | None = None

    @property
    def _requests(self) -> Requests:
        if self._opened is None:
            self._opened = Requests(self._connect() if self._given is None else self._given)
        return self._opened

    async def prepare(self, collections: Mapping[str, Sequence[Index]]) -> None:
        """Nothing is to be made: a collection is there with its first document, and indexes are deployed."""

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None and self._given is None:
            await opened.close()

    # -- reads ------------------------------------------------------------------------------------------------

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        paths = [*map(records.path, addresses)]
        found = await self._read(paths)
        return [await self._whole(found[path]) if path in found else None for path in paths]

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        if limit == 0:
            return []
        if query.index.fields and query.index.descending not in (None, query.descending):
            return await self._backwards(query, after, offset, limit)
        asked = self._query(query, after)
        asked = asked.offset(offset) if offset else asked
        return await self._documents(asked if limit is None else asked.limit(limit))

    async def _backwards(self, query: Query, after: Document | None, offset: int, limit: int | None) -> list[Document]:
        """What a query finds in the direction in which no index is: from the other end, whose distance is counted."""
        asked = self._query(query, after, backwards=True)
        if limit is None:
            return (await self._documents(asked))[::-1][offset:]
        last = await self._number(asked) - offset
        first = max(last - limit, 0)
        return (await self._documents(asked.offset(first).limit(last - first)))[::-1] if last > 0 else []

    async def _documents(self, asked: Any) -> list[Document]:
        found = [await self._whole(one) for one in await self._requests.query(asked)]
        return [document for document in found if document is not None]

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        name = query.index.fields[-1]
        found: dict[Scalar, list[Document]] = {value: [] for value in values}
        for document in await self._documents(self._query(query, one_of=values)):
            if document.fields.get(name) in found:
                found[document.fields[name]].append(document)
        return [found[value] for value in values]

    async def count(self, query: Query) -> int:
        way = query.descending if query.index.descending is None else query.index.descending
        return await self._number(self._query(replace(query, descending=way)))

    async def _number(self, asked: Any) -> int:
        ((answer,),) = await self._requests.query(asked.count())
        return int(answer.value)

    def _query(
        self, query: Query, after: Document | None = None, one_of: Sequence[Scalar] = (), *, backwards: bool = False
    ) -> Any:
        from google.cloud.firestore import FieldFilter

        collection = self._requests.client.collection(f"{records.ROOT}/{query.collection}")
        return records.query_on(collection, query, FieldFilter, after, one_of, backwards=backwards)

    async def _read(self, paths: Sequence[str], names: list[str] | None = None) -> dict[str, Any]:
        """Snapshots of the documents at `paths` that are there, or these fields of them."""
        references = [self._requests.client.document(path) for path in dict.fromkeys(paths)]
        found: dict[str, Any] = {}
        for first in range(0, len(references), _IN_READ):
            for one in await self._requests.read(references[first : first + _IN_READ], names):
                found[one.reference.path] = one
        return found

    async def _whole(self, snapshot: Any) -> Document | None:
        """The document of a record's snapshot, with what is in its parts."""
        path = snapshot.reference.path
        while True:
            data = snapshot.to_dict()
            names = [records.part_path(path, data["version"], number) for number in range(data["parts"])]
            parts = await self._read(names) if names else {}
            if len(parts) == len(names):
                self._seen.remember(path, data["version"], Stored(snapshot.update_time, len(names)))
                return records.document_in(data, [parts[name].get("body") for name in names])
            again = await self._read([path])
            if not again:
                return None
            (found,) = again.values()
            if found.get("version") == data["version"]:
                raise StorageError("A record of this database is damaged.", detail=f"{path} lacks parts")
            snapshot = found  # it was replaced, and the parts that it had are gone

    # -- writes -----------------------------------------------------------------------------------------------

    async def write(self, writes: Sequence[Write]) -> None:
        before = await self._replaced(writes)
        long = to_be_split(writes, **_ROOM)
        parts = {address: [*records.parts_of(records.path(address), document)] for address, document in long}
        numbers = {address: len(of_it) for address, of_it in parts.items()}
        await self._put([part for of_it in parts.values() for part in of_it])
        batch = self._requests.client.batch()
        for write in writes:
            self._add(batch, write, before.get(write.address), numbers.get(write.address, 0))
        try:
            results = await self._requests.commit(batch)
        except ConflictError as error:
            stored = await self._stored(writes)
            unused = [of_it for address, of_it in parts.items() if address not in stored]
            await self._delete([path for of_it in unused for path, _ in of_it])
            await self._look(writes)
            raise UnavailableError(detail=error.detail, refused=True) from error
        self._note(writes, results, numbers)
        await self._delete(
            [
                records.part_path(records.path(write.address), write.expected, number)
                for write in writes
                if write.expected is not None
                for number in range(before[write.address].parts)
            ]
        )

    async def _stored(self, writes: Sequence[Write]) -> set[Address]:
        """Where that is stored what `writes` store: by an attempt whose answer was lost, which uses its parts."""
        paths = {records.path(write.address): write for write in writes}
        found = await self._read([*paths], ["version"])
        return {paths[path].address for path, one in found.items() if one.get("version") == paths[path].version}

    async def _replaced(self, writes: Sequence[Write]) -> dict[Address, Stored]:
        """What must be known of the documents that are replaced: read, where they were not read lately."""
        known: dict[Address, Stored] = {}
        unknown = []
        for write in writes:
            if write.expected is not None:
                seen = self._seen.of(records.path(write.address), write.expected)
                if seen is None:
                    unknown.append(write)
                else:
                    known[write.address] = seen
        return known | await self._look(unknown)

    async def _look(self, writes: Sequence[Write]) -> dict[Address, Stored]:
        """What is stored where `writes` are to be. Raises Refused for the first that is not as one expects."""
        paths = [records.path(write.address) for write in writes]
        found = await self._read(paths, ["version", "parts"]) if writes else {}
        there: dict[Address, Stored] = {}
        for write, path in zip(writes, paths, strict=True):
            one = found.get(path)
            if (None if one is None else one.get("version")) != write.expected:
                raise Refused(write.address)
            if one is not None and write.expected is not None:
                stored = Stored(one.update_time, one.get("parts"))
                there[write.address] = self._seen.remember(path, write.expected, stored)
        return there

    def _add(self, batch: Any, write: Write, before: Stored | None, parts: int) -> None:
        """Add a write to a batch, on the condition that there is what it expects."""
        reference = self._requests.client.document(records.path(write.address))
        if before is None:  # nothing, which only the making of a document asks for
            batch.create(reference, {} if write.document is None else records.data_of(write.document, parts))
            if write.document is None:
                batch.delete(reference)
            return
        unchanged = self._requests.client.write_option(last_update_time=before.at)
        if write.document is None:
            batch.delete(reference, unchanged)
        else:
            batch.update(reference, records.data_of(write.document, parts), unchanged)

    def _note(self, writes: Sequence[Write], results: Sequence[Any], numbers: Mapping[Address, int]) -> None:
        """Remember when what was written was, which its next write must know."""
        answers = iter(results)
        for write in writes:
            answer = next(answers)
            if write.document is not None:
                stored = Stored(answer.update_time, numbers.get(write.address, 0))
                self._seen.remember(records.path(write.address), write.document.version, stored)
            elif write.expected is None:
                next(answers)  # it was made and deleted

    async def _put(self, parts: Sequence[tuple[str, records.Data]]) -> None:
        for first in range(0, len(parts), _PARTS_IN_COMMIT):
            batch = self._requests.client.batch()
            for path, data in parts[first : first + _PARTS_IN_COMMIT]:
                batch.set(self._requests.client.document(path), data)
            await self._requests.commit(batch)

    async def _delete(self, paths: Sequence[str]) -> None:
        for first in range(0, len(paths), _DELETES_IN_COMMIT):
            batch = self._requests.client.batch()
            for path in paths[first : first + _DELETES_IN_COMMIT]:
                batch.delete(self._requests.client.document(path))
            await self._requests.commit(batch)
