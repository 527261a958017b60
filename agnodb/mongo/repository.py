"""What every Mongo repository is made of: commands, equality filters, pages and guarded upserts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from agnodb.errors import DuplicateKeyError, UnavailableError
from agnodb.filters import LISTINGS, Page, present
from agnodb.mongo.collections import Collections
from agnodb.mongo.documents import FieldMap, equal, texts
from agnodb.mongo.executor import READS, Command, Executor
from agnodb.mongo.ownership import may_write
from agnodb.records.base import Record
from agnodb.rules.keyed import Changed

R = TypeVar("R", bound=Record)
G = TypeVar("G")

Document = dict[str, Any]
Match = Mapping[str, Any]

ROUNDS = 100
"""Of compare and set, of which each that fails means that somebody else's write was stored meanwhile."""

_COUNT = {"$group": {"_id": None, "n": {"$sum": 1}}}


class MongoRepository(Changed[R], asks=False):
    """Base of the Mongo repositories. Subclasses name their `concept` (see `LISTINGS`) and `record`."""

    idempotent: ClassVar[frozenset[str]] = frozenset()
    """The names of the writes that may be run twice: they leave and answer the same."""

    def __init__(self, executor: Executor, collections: Collections) -> None:
        self._executor, self._collections = executor, collections
        self.policies = collections.policies
        self.fields: FieldMap[R] = collections.fields(self.record, self.concept)
        self.listing = LISTINGS[self.concept]
        self.key = self.listing.key

    # -- running commands -------------------------------------------------------------------------------------

    async def call(self, name: str, method: str, *args: Any, of: str | None = None, **options: Any) -> Any:
        """What the driver's `method` returns, on this repository's collection or that `of` another concept."""
        again = method in READS or name in self.idempotent
        collection = self._collections.name(of or self.concept)
        return await self._executor.run(Command(f"{self.concept}.{name}", collection, method, args, options, again))

    def read(self, document: Document) -> R:
        """The record of a document."""
        return self.fields.read(document)

    def record_of(self, document: Document | None) -> R | None:
        """The record of a document, or None."""
        return None if document is None else self.read(document)

    # -- reads ------------------------------------------------------------------------------------------------

    async def one(self, key: Any, **filters: Any) -> R | None:
        match = self.fields.encode({self.key: key, **filters})
        return self.record_of(await self.call("find", "find_one", match, self.fields.projection))

    async def listed(self, page: Page, **filters: Any) -> tuple[list[R], int]:
        return await self.paged(page, self.fields.encode(filters))

    async def paged(self, page: Page, match: Match) -> tuple[list[R], int]:
        """The records of one page and the number of all that match, in one command.

        The number is a document after the rows, not beside them in a `$facet`: that would be one document, of 16 MB at
        most, and its sort could use no index.
        """
        page = page.checked(self.listing)
        if page.limit == 0:  # `$limit` must be positive
            return [], await self.call("count", "count_documents", dict(match))
        stages = [{"$match": dict(match)}, *self.ordered(page)]
        shown = {"$project": self.fields.projection}
        if page.limit is None:
            rows = await self.call("page", "aggregate", [*stages, shown])
            return await self.read_all(rows), len(rows)
        counted = {"coll": self._collections.name(self.concept), "pipeline": [{"$match": dict(match)}, _COUNT]}
        limits = [{"$skip": page.offset}, {"$limit": page.limit}]
        rows = await self.call("page", "aggregate", [*stages, *limits, shown, {"$unionWith": counted}])
        if not rows:
            return [], 0
        *rows, last = rows
        return await self.read_all(rows), last["n"]

    async def first(self, name: str, match: Match, limit: int | None = None) -> list[Document]:
        """The documents that match, the first `limit` in the order that the lists have by default."""
        page = Page(limit).checked(self.listing)
        if limit == 0:
            return []
        limits = [] if limit is None else [{"$limit": limit}]
        stages = [{"$match": dict(match)}, *self.ordered(page), *limits, {"$project": self.fields.projection}]
        rows: list[Document] = await self.call(name, "aggregate", stages)
        return rows

    async def read_all(self, rows: Sequence[Document]) -> list[R]:
        """The records of documents."""
        return [self.read(row) for row in rows]

    def ordered(self, page: Page) -> list[Document]:
        """The stages that sort by a checked page, with the key as the tiebreaker. Ties come as in agno, see the SQL
        repositories."""
        field, way = page.sort_by or self.listing.default_sort, 1 if page.sort_order == "asc" else -1
        if field == self.key:
            return [{"$sort": {field: way}}]
        sorted_afterwards = field in ("updated_at", *self.listing.scans)
        tie = 1 if sorted_afterwards else way
        if field != "updated_at":
            return [{"$sort": {field: way, self.key: tie}}]
        changed = {"$ifNull": ["$updated_at", "$created_at"]}  # what was never changed counts by its creation
        return [{"$set": {"agnodb_changed": changed}}, {"$sort": {"agnodb_changed": way, self.key: tie}}]

    async def grouped(
        self, name: str, stages: list[Document], page: Page, read: Callable[[Document], G]
    ) -> tuple[list[G], int]:
        """One page of the ordered groups that `stages` make, and the number of all. One command."""
        page.checked(self.listing)
        rows: list[Document] = [] if page.limit is None else [{"$skip": page.offset}]
        if page.limit:
            rows.append({"$limit": page.limit})
        elif page.limit == 0:
            rows = [{"$match": {"$expr": False}}]
        facet = {"$facet": {"rows": rows or [{"$match": {}}], "total": [_COUNT]}}
        (found,) = await self.call(name, "aggregate", [*stages, facet])
        return [read(row) for row in found["rows"]], found["total"][0]["n"] if found["total"] else 0

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert_owned(self, changes: Match, inserted: Document) -> R | None:
        """Set `changes` in the stored document, if its writer may, or insert the given one; what is stored then.

        None where it is another user's. One command for what is stored already and keeps what is given here, and for
        what is new and not changed at once: what is stored is known then. Else two, or three.
        """
        key, owner = {self.key: inserted[self.key]}, present(user_id=inserted["user_id"])
        kept = {field: value for field, value in inserted.items() if field not in changes}
        at_once = all(inserted[field] == value for field, value in changes.items())
        if await self.put("upsert", equal(kept), changes, upsert=at_once):
            return self.read({**inserted, **changes})
        # agno's own adapter stores memories without the time of their creation.
        literal = {field: {"$literal": value} for field, value in {**changes, **owner}.items()}
        created = {"created_at": {"$ifNull": ["$created_at", inserted["created_at"]]}}
        match, update = {**key, **may_write(inserted["user_id"])}, [{"$set": {**literal, **created}}]
        for attempt in range(2):
            if (attempt or not at_once) and await self.insert_absent(inserted[self.key], inserted, "upsert"):
                return self.read(inserted)
            stored = await self.changed_where(match, update, "upsert")
            if stored is not None:
                return stored
        return None

    async def put(self, name: str, match: Match, changes: Match, first: Match | None = None, *, upsert: bool) -> bool:
        """Set `changes` in the one document that matches, else insert it with `first` too where it may: one command.

        False where nothing matches, or another document has the key.
        """
        upsert = upsert and (self._executor.final or not await self._is_taken(match[self.key]))
        update = {"$set": dict(changes), **({"$setOnInsert": dict(first)} if first and upsert else {})}
        try:
            done = await self.call(name, "update_one", dict(match), update, upsert=upsert)
        except DuplicateKeyError:
            return False
        return bool(done.matched_count) or done.upserted_id is not None

    async def insert_absent(self, key: Any, document: Mapping[str, Any], name: str = "insert") -> bool:
        """Insert `document`; False when the key is taken."""
        if not self._executor.final and await self._is_taken(key):
            return False
        try:
            await self.call(name, "insert_one", dict(document))
        except DuplicateKeyError:
            return False
        return True

    async def _is_taken(self, key: Any) -> bool:
        """Whether a document has that key. Inside a transaction it is asked, for an error would end it."""
        return await self.call("look", "find_one", {self.key: key}, {"_id": 1}) is not None

    async def insert(self, record: R) -> R:
        await self.call("insert", "insert_one", self.fields.encode(self.fields.values(record)))
        return record

    async def change_as_read(
        self, name: str, match: Match, change: Callable[[R], Mapping[str, Any] | None]
    ) -> bool | None:
        """Set what `change(record)` gives in the one document that matches, on the condition that it is still as it
        was read; False where that is None, None where nothing matches. What `change` raises is raised.

        Raises UnavailableError when others write it all the time.
        """
        for _ in range(ROUNDS):
            found = await self.call("look", "find_one", match, self.fields.projection)
            if found is None:
                return None
            unchanged = equal({field: copy.deepcopy(found.get(field)) for field in self.fields.columns})
            changes = change(self.read(found))  # reading uses the document up
            if changes is None:
                return False
            done = await self.call(name, "update_one", unchanged, {"$set": dict(changes)})
            if done.matched_count:
                return True
        raise UnavailableError(detail="others change this all the time")

    async def change(self, key: Any, changes: Match, **filters: Any) -> R | None:
        match = self.fields.encode({self.key: key, **filters})
        return await self.changed_where(match, {"$set": self.fields.encode(changes)})

    async def changed_where(self, match: Match, update: Any, name: str = "change") -> R | None:
        """Apply `update` to the one document that matches; the changed record, or None."""
        options: Document = {"return_document": True, "projection": self.fields.projection}
        return self.record_of(await self.call(name, "find_one_and_update", dict(match), update, **options))

    async def delete_where(self, match: Match) -> int:
        """Delete what matches; the number deleted."""
        done = await self.call("delete", "delete_many", dict(match))
        return int(done.deleted_count)

    async def delete_one(self, key: Any, **filters: Any) -> bool:
        return await self.delete_any([key], **filters) > 0

    async def delete_any(self, keys: Iterable[str], **filters: Any) -> int:
        return await self.delete_where({self.key: {"$in": texts(keys)}, **self.fields.encode(filters)})

    async def delete_with(self, concept: str, field: str, match: Match) -> int:
        """Delete what matches, and what of another concept has the key of one in `field`; the number deleted.

        One transaction where the server has them. There are no foreign keys: what belongs goes first, so that what a
        failure leaves can be deleted again.
        """

        async def delete(executor: Executor) -> int:
            inside = type(self)(executor, self._collections)
            found = await inside.call("mine", "distinct", self.key, dict(match))
            if not found:
                return 0
            await inside.call(f"delete_{concept}", "delete_many", {field: {"$in": found}}, of=concept)
            return await inside.delete_where({self.key: {"$in": found}})

        return await self._executor.repeatable(delete)
