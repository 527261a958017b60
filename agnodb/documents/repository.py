"""What every document repository is made of: compare and set, pages through an index, and deletes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from agnodb import codec
from agnodb.documents.batches import in_parts
from agnodb.documents.encoding import DocumentMap
from agnodb.documents.executor import Executor
from agnodb.documents.indexes import HISTORIES, NAMES, fields_of, indexes
from agnodb.documents.lists import Chosen, Lists
from agnodb.documents.store import Address, Document, Index, Refused, Write
from agnodb.errors import AgnoDbError, DuplicateKeyError, UnavailableError
from agnodb.filters import LISTINGS, Page
from agnodb.models.base import Tables
from agnodb.policies import Policies
from agnodb.records.base import Record
from agnodb.rules.keyed import Changed
from agnodb.text import encode_text

R = TypeVar("R", bound=Record)

ROUNDS = 200
"""Of compare and set, of which each that fails means that somebody else's write was stored meanwhile."""


class Collections:
    """The collections of one database: their names, and how records become documents.

    `place` is the same for every object on the same database, and another for another.
    """

    def __init__(self, tables: Tables, policies: Policies, place: str | None) -> None:
        self.tables, self.policies, self.place = tables, policies, place
        self._maps: dict[Any, DocumentMap[Any]] = {}

    def name(self, concept: str) -> str:
        """The name of the collection of a concept, or of what goes with one (`histories`)."""
        table = getattr(self.tables, concept, None)
        name: str = f"{self.tables.sessions.name}_{concept}" if table is None else table.name
        return name

    def indexes(self) -> dict[str, tuple[Index, ...]]:
        """All collections, by their names, with their indexes."""
        named = {self.name(concept): indexes(concept) for concept in LISTINGS}
        return {**named, self.name(HISTORIES): (), self.name(NAMES): ()}

    def map(self, repository: DocumentRepository[R]) -> DocumentMap[R]:
        """The map of the records of `repository`."""
        record, concept = repository.record, repository.concept
        found = self._maps.get(record)
        if found is None:
            table = getattr(self.tables, concept)
            made = DocumentMap(record, table, LISTINGS[concept].key, fields_of(concept), repository.derived)
            found = self._maps[record] = made
        return found


class DocumentRepository(Changed[R]):
    """Base of the document repositories. Subclasses name their `concept` (see `LISTINGS`) and `record`."""

    beside: ClassVar[tuple[str, ...]] = ()
    """What a document has beside the columns; a write keeps it unless it gives another."""

    def __init__(self, executor: Executor, collections: Collections) -> None:
        self._executor, self.collections = executor, collections
        self.policies = collections.policies
        self.map: DocumentMap[R] = collections.map(self)
        self.listing = LISTINGS[self.concept]
        self._lists = Lists(executor, collections.name(self.concept), self.concept, self.read)

    @staticmethod
    def derived(_record: Any) -> Mapping[str, Any]:
        """Fields that no column has, see `agnodb.documents.indexes`."""
        return {}

    def address(self, key: Any, concept: str | None = None) -> Address:
        """Where the record with `key` is."""
        return self.collections.name(concept or self.concept), encode_text(str(key))

    def read(self, document: Document) -> R:
        """The record of a document."""
        return self.map.read(document)

    # -- one record -------------------------------------------------------------------------------------------

    async def look(self, key: Any) -> Document | None:
        """The document with `key`, or None."""
        (found,) = await self._executor.get([self.address(key)])
        return found

    async def one(self, key: Any, **filters: Any) -> R | None:
        document = await self.look(self.key_of(key))
        stored = None if document is None else self.read(document)
        return stored if stored is not None and _equal(stored, self.map.checked(filters)) else None

    def key_of(self, key: Any) -> Any:
        """`key` as it is stored. Raises InvalidValueError for what is no key."""
        return self.map.checked({self.listing.key: key})[self.listing.key]

    async def compare_and_set(self, key: Any, decide: Callable[[R | None], R | None], *with_it: Write) -> R | None:
        """Store what `decide(stored)` makes of the stored record, or of None; what is stored then.

        It is asked again after somebody else's write. None: it made none, and nothing is changed. `with_it` is
        written in the same batch. Where the record was read or written lately it is one request, else two.
        """
        key = self.key_of(key)
        known = self._executor.remembered(self.address(key))
        if known is not None and (stored := await self._over(known, decide, with_it)) is not None:
            return stored
        for round in range(ROUNDS):
            document = await self.look(key)
            made = decide(None if document is None else self.read(document))
            if made is None:
                return None
            try:
                return await self.put(made, document, *with_it)
            except Refused:
                await self._executor.pause(round)
        raise UnavailableError(detail="others write this record all the time")

    async def _over(
        self, known: Document, decide: Callable[[R | None], R | None], with_it: Sequence[Write]
    ) -> R | None:
        """What is stored, if `known` was; None where that is to be looked at: the decision to change nothing too."""
        try:
            made = decide(self.read(known))
        except AgnoDbError:
            return None
        try:
            return None if made is None else await self.put(made, known, *with_it)
        except Refused:
            return None

    async def put(self, record: R, over: Document | None, *with_it: Write) -> R:
        """Write `record` where `over` is stored; as it is stored then. Raises Refused."""
        write = self.written(record, over)
        await self._executor.write([*with_it, write])
        assert write.document is not None
        return self.read(write.document)

    def written(self, record: R, over: Document | None, **beside: Any) -> Write:
        """The write of `record`, and of what is `beside` it, where `over` is stored."""
        if over is not None and not beside.keys() >= {*self.beside}:
            beside = {**self.besides(over), **beside}
        document = self.map.document(record, beside)
        address = self.collections.name(self.concept), document.key
        return Write(address, document, None if over is None else over.version)

    def besides(self, document: Document) -> dict[str, Any]:
        """What a document has beside the columns."""
        columns = codec.decode(document.body)
        return {name: columns[name] for name in self.beside if name in columns}

    async def insert(self, record: R, *with_it: Write) -> R:
        """As `Keyed` has it, with other writes."""
        try:
            return await self.put(record, None, *with_it)
        except Refused as refused:
            raise self._executor.failed(DuplicateKeyError(key=refused.address[1])) from None

    async def change(self, key: Any, changes: Mapping[str, Any], **filters: Any) -> R | None:
        made, mine = self.map.checked(changes), self.map.checked(filters)

        def changed(stored: R | None) -> R | None:
            return replace(stored, **made) if stored is not None and _equal(stored, mine) else None

        return await self.compare_and_set(key, changed)

    # -- lists ------------------------------------------------------------------------------------------------

    def chosen(self, **filters: Any) -> Chosen[R]:
        """The records whose columns equal `filters`. Raises InvalidValueError."""
        return Chosen(self.map.scalars(filters))

    async def listed(self, page: Page, **filters: Any) -> tuple[list[R], int]:
        return await self.paged(page, self.chosen(**filters))

    async def paged(self, page: Page, chosen: Chosen[R]) -> tuple[list[R], int]:
        """The records of one page, and the number of all that match."""
        return await self._lists.page(page.checked(self.listing), chosen)

    async def count(self, chosen: Chosen[R]) -> int:
        """The number of all that match."""
        return await self._lists.count(chosen)

    async def all_of(self, chosen: Chosen[R], sort: str | None = None) -> list[R]:
        """All records that match, in the ascending order of `sort`."""
        rows, _ = await self._lists.page(Page(None, None, sort or self.listing.default_sort, "asc"), chosen)
        return rows

    async def every(self) -> list[R]:
        """All records."""
        return await self.all_of(Chosen({}))

    # -- several records --------------------------------------------------------------------------------------

    async def write_all(self, changes: Callable[[], Awaitable[list[Write]]]) -> list[Write]:
        """Do what `changes()` finds to be done, as one batch as far as the store has one; the writes that were done.

        It is asked again after somebody else's write, and must not find what is done already.
        """
        done: list[Write] = []
        for round in range(ROUNDS):
            found = await changes()
            try:
                async for part in in_parts(self._executor, found):
                    done += part
            except Refused:
                await self._executor.pause(round)
                continue
            return done
        raise UnavailableError(detail="others write these records all the time")

    async def documents(self, keys: Iterable[Any]) -> list[Document]:
        """The documents with `keys`, as far as they are there: one request, or none."""
        addresses = [self.address(key) for key in keys]
        found = await self._executor.get(addresses) if addresses else []
        return [document for document in found if document is not None]

    async def delete_one(self, key: Any, **filters: Any) -> bool:
        return await self.delete_any([key], **filters) > 0

    async def delete_any(self, keys: Iterable[Any], **filters: Any) -> int:
        chosen, mine = list(dict.fromkeys(map(self.key_of, keys))), self.map.checked(filters)

        async def gone() -> list[Write]:
            found = await self.documents(chosen)
            return [self.without(document) for document in found if _equal(self.read(document), mine)]

        return len(await self.write_all(gone))

    def without(self, document: Document) -> Write:
        """The write that deletes a document, if it is still that."""
        return Write((self.collections.name(self.concept), document.key), None, document.version)

    async def delete_chosen(self, chosen: Chosen[R]) -> int:
        """Delete all records that match; the number deleted."""
        return await self.delete_any([getattr(record, self.listing.key) for record in await self.all_of(chosen)])


def _equal(record: Record, columns: Mapping[str, Any]) -> bool:
    return all(getattr(record, name) == value for name, value in columns.items())
