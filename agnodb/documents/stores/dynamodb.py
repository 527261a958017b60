"""Documents in DynamoDB: one table, an item for each record and for each of its places in lists.

A batch and all its places in lists are one transaction, and reads are consistent: a list shows what was written
before it was read, which a secondary index does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agnodb.documents.store import Address, Capabilities, Document, Index, Query, Refused, Scalar, TooLarge, Write
from agnodb.documents.stores import dynamodb_items as items
from agnodb.documents.stores.dynamodb_clients import unmet
from agnodb.documents.stores.dynamodb_items import RECORD, Item
from agnodb.documents.stores.dynamodb_table import IN_TRANSACTION, Operation, Table
from agnodb.documents.stores.long_texts import to_be_split
from agnodb.documents.stores.seen import Seen
from agnodb.errors import ConflictError, StorageError

_ROOM = {"one": items.PART_BYTES, "all": 3_000_000, "short": 20_000}
"""Bytes of texts in their records: a transaction has 4 MB at most with all else that is in it."""


class _Seen(NamedTuple):
    """What a write must know of the record that it replaces."""

    fields: Mapping[str, Scalar]
    parts: int


_NOTHING = _Seen({}, 0)


class Keyspace:
    """The lists of the collections of one database, and what was seen in it: the same for all clients of it."""

    def __init__(self) -> None:
        self.indexes: dict[str, Sequence[Index]] = {}
        self._seen = Seen[_Seen]()

    def remember(self, home: str, version: str, fields: Mapping[str, Scalar], parts: int) -> _Seen:
        """Note a version of a record: it never changes."""
        return self._seen.remember(home, version, _Seen(fields, parts))

    def seen(self, write: Write) -> _Seen | None:
        """What is known of the record that a write replaces; None where that was not read lately."""
        if write.expected is None:
            return _NOTHING
        return self._seen.of(items.home(write.address), write.expected)

    def entries(self, write: Write, fields: Mapping[str, Scalar]) -> set[tuple[str, str]]:
        """Where the document of a write stands in lists with `fields`."""
        collection, key = write.address
        return items.entries(collection, self.indexes[collection], Document(key, "", fields, ""))


class DynamoDbStore:
    """See `agnodb.documents.store.DocumentStore`, and for the arguments `dynamodb_table.Table`."""

    capabilities = Capabilities(batch=IN_TRANSACTION)

    def __init__(self, table: str, keys: Keyspace, connect: Callable[[], Any], client: Any = None) -> None:
        self._table, self._keys = Table(table, connect, client), keys

    async def prepare(self, collections: Mapping[str, Sequence[Index]]) -> None:
        await self._table.make_sure()
        self._keys.indexes |= collections

    async def close(self) -> None:
        await self._table.close()

    # -- reads ------------------------------------------------------------------------------------------------

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        found = await self._documents(map(items.home, addresses))
        return [found.get(items.home(address)) for address in addresses]

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        found: list[Document] = []
        start = None if after is None else items.start_key(query, after)
        given = {**items.condition(query), "ScanIndexForward": not query.descending}
        if limit == 0:
            return []
        if limit is not None:  # what is passed over is read too
            given["Limit"] = offset + limit
        async for page in self._table.pages(start, **given):
            found += await self._of(query, page["Items"][offset:])
            offset = max(offset - len(page["Items"]), 0)
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    async def count(self, query: Query) -> int:
        given = {**items.condition(query), "Select": "COUNT"}
        return sum([page["Count"] async for page in self._table.pages(**given)])

    async def _documents(self, homes: Iterable[str]) -> dict[str, Document]:
        """The documents of records, by their partitions."""
        found: dict[str, Document] = {}
        async for item in self._table.records(homes):
            document = await self._whole(item)
            if document is not None:
                found[item["pk"]["S"]] = document
        return found

    async def _whole(self, item: Item) -> Document | None:
        """The document of a record's item, with what is in its parts."""
        while True:
            parts = items.number_of_parts(item)
            texts = await self._parts(item) if parts else []
            if len(texts) == parts:
                document = items.document_in(item, texts)
                self._keys.remember(item["pk"]["S"], document.version, document.fields, parts)
                return document
            again = [one async for one in self._table.records([item["pk"]["S"]])]
            if not again:
                return None
            if again[0]["version"] == item["version"]:
                raise StorageError("A record of this database is damaged.", detail=f"{item['pk']['S']} lacks parts")
            item = again[0]  # it was replaced, and the parts that it had are gone

    async def _parts(self, item: Item) -> list[str]:
        """The parts of a record's text, in their order."""
        pages = self._table.pages(**items.parts_condition(item))
        return [part["body"]["S"] async for page in pages for part in page["Items"]]

    async def _of(self, query: Query, entries: Sequence[Item]) -> list[Document]:
        """The documents of items of a list, without those that have left their place meanwhile."""
        homes = [items.home((query.collection, items.key_in(entry))) for entry in entries]
        found = await self._documents(homes)
        return [
            found[home]
            for home, entry in zip(homes, entries, strict=True)
            if home in found and items.stands(query, found[home], entry)
        ]

    # -- writes -----------------------------------------------------------------------------------------------

    async def write(self, writes: Sequence[Write]) -> None:
        seen = await self._replaced(writes)
        parts = {address: [*items.parts_of(address, document)] for address, document in to_be_split(writes, **_ROOM)}
        operations = [self._on_record(write, len(parts.get(write.address, ()))) for write in writes]
        for write, before in zip(writes, seen, strict=True):
            operations += self._on_lists(write, before)
        if len(operations) > IN_TRANSACTION:
            raise TooLarge
        await self._table.put([item for made in parts.values() for item in made])
        try:
            await self._table.commit(operations)
        except ConflictError as error:
            stored = await self._stored(writes)
            unused = [made for address, made in parts.items() if address not in stored]
            await self._table.remove([items.key_of(item) for made in unused for item in made])
            raise Refused(writes[unmet(error)].address) from None
        for write, before in zip(writes, seen, strict=True):
            home, document = items.home(write.address), write.document
            if document is not None:
                self._keys.remember(home, document.version, document.fields, len(parts.get(write.address, ())))
            numbers = range(before.parts)
            await self._table.remove([items.part_key(home, write.expected or "", number) for number in numbers])

    async def _stored(self, writes: Sequence[Write]) -> set[Address]:
        """Where that is stored what `writes` store: by an attempt whose answer was lost, which uses its parts."""
        homes = {items.home(write.address): write for write in writes}
        found = self._table.records(homes, "pk", "version")
        return {
            homes[item["pk"]["S"]].address
            async for item in found
            if item["version"]["S"] == homes[item["pk"]["S"]].version
        }

    async def _replaced(self, writes: Sequence[Write]) -> list[_Seen]:
        """What must be known of the records that are replaced: read, where they were not read lately."""
        known = {items.home(write.address): self._keys.seen(write) for write in writes}
        unknown = [home for home, seen in known.items() if seen is None]
        versions: dict[str, str] = {}
        async for item in self._table.records(unknown, "pk", "version", "fields", "parts"):
            home, version = item["pk"]["S"], item["version"]["S"]
            versions[home] = version
            known[home] = self._keys.remember(home, version, items.fields_in(item), items.number_of_parts(item))
        for write in writes:
            home = items.home(write.address)
            if home in unknown and versions.get(home) != write.expected:
                raise Refused(write.address)
        return [known[items.home(write.address)] or _NOTHING for write in writes]

    @staticmethod
    def _on_record(write: Write, parts: int) -> Operation:
        """What is done with a record, on the condition that there is what is expected."""
        condition: Item = {"ConditionExpression": "attribute_not_exists(pk)"}
        if write.expected is not None:
            condition = {
                "ConditionExpression": "#version = :version",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":version": {"S": write.expected}},
            }
        if write.document is not None:
            return "Put", {"Item": items.record(write.address, write.document, parts), **condition}
        kind = "ConditionCheck" if write.expected is None else "Delete"
        return kind, {"Key": items.key(items.home(write.address), RECORD), **condition}

    def _on_lists(self, write: Write, before: _Seen) -> list[Operation]:
        """What is done with the places of a record in lists."""
        old = self._keys.entries(write, before.fields)
        new = self._keys.entries(write, {} if write.document is None else write.document.fields)
        gone: list[Operation] = [("Delete", {"Key": items.key(*at)}) for at in old - new]
        return [*gone, *(("Put", {"Item": items.entry(at, write.address[1])}) for at in new - old)]
