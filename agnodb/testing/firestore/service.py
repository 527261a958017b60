"""The service `google.firestore.v1.Firestore`, over dictionaries.

A transaction reads what was committed when it began. What it has read, documents and queries, is looked at again when
it is committed: where another was faster it is ABORTED, as with the service's optimistic concurrency.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import grpc
from google.cloud.firestore_v1 import types
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from agnodb.testing.firestore import queries
from agnodb.testing.firestore.commits import Refusal, name_of, written
from agnodb.testing.firestore.lists import Documents
from agnodb.testing.firestore.queries import Part

COMMIT_BYTES, COMMIT_WRITES = 10_485_760, 500
"""Of one request at most."""
_PAGE = 300


Stored = dict[str, Any]
"""Documents by their names, in a transaction as they were when it began."""


@dataclass
class _Transaction:
    database: str
    snapshot: dict[str, Stored]
    writes: bool
    documents: Stored = field(default_factory=dict)
    """What was read, None for what was not there."""
    asked: list[tuple[str, Any, list[tuple[str, Any]]]] = field(default_factory=list)
    """Parents, queries, and what they found."""


class Service:
    """The methods by their names: each takes a request and returns an answer, or yields several."""

    def __init__(self, indexes: Mapping[str, Sequence[Sequence[Part]]] | None = None) -> None:
        self._indexes = indexes
        self._databases: dict[str, dict[str, Documents]] = {}
        """Of each: collections, by their full names."""
        self._transactions: dict[bytes, _Transaction] = {}
        self._lock, self._last = RLock(), 0

    def _now(self) -> Timestamp:
        """A time that is later than all before it, in whole microseconds."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        made = Timestamp()
        made.FromMicroseconds(self._last)
        return made

    def _database(self, name: str) -> dict[str, Documents]:
        return self._databases.setdefault("/".join(name.split("/")[:4]), {})

    # -- transactions ---------------------------------------------------------------------------------------------

    def _begin(self, database: str, options: Any) -> bytes:
        name = uuid.uuid4().bytes
        kept = {collection: dict(documents) for collection, documents in self._database(database).items()}
        read_only = options.WhichOneof("mode") == "read_only"
        self._transactions[name] = _Transaction(database, kept, not read_only)
        return name

    def _of(self, name: bytes) -> _Transaction:
        if name not in self._transactions:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "The referenced transaction has expired or is not valid")
        return self._transactions[name]

    def _reading(self, request: Any, database: str) -> tuple[bytes, bool, _Transaction | None]:
        """The transaction that a request reads in, and whether it begins with it."""
        of = request.WhichOneof("consistency_selector")
        if of == "new_transaction":
            begun = self._begin(database, request.new_transaction)
            return begun, True, self._of(begun)
        return (
            (request.transaction, False, self._of(request.transaction)) if of == "transaction" else (b"", False, None)
        )

    def begin_transaction(self, request: Any) -> Any:
        """The name of a new transaction."""
        return types.BeginTransactionResponse.pb()(transaction=self._begin(request.database, request.options))

    def rollback(self, request: Any) -> Any:
        """Forget a transaction."""
        self._of(request.transaction)
        del self._transactions[request.transaction]
        return Empty()

    def commit(self, request: Any) -> Any:
        """Do all writes or none. Raises Refusal."""
        if request.ByteSize() > COMMIT_BYTES or len(request.writes) > COMMIT_WRITES:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "Transaction too big. Decrease transaction size.")
        if request.transaction:
            self._end(self._of(request.transaction), request)
        now, made = self._now(), dict[str, Any]()
        answer = types.CommitResponse.pb()(commit_time=now)
        for write in request.writes:
            name = name_of(write)
            before = made[name] if name in made else self._stored(self._database(name), name)
            made[name], results = written(write, before, now)
            time_of = now if made[name] is None else made[name].update_time
            answer.write_results.add(update_time=time_of, transform_results=results)
        for name, document in made.items():
            self._database(name).setdefault(name.rpartition("/")[0], Documents()).put(name, document)
        return answer

    def _end(self, begun: _Transaction, request: Any) -> None:
        """Raises Refusal where what a transaction has read is not so any more."""
        del self._transactions[request.transaction]
        if request.writes and not begun.writes:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "Cannot modify entities in a read-only transaction")
        if not begun.writes:
            return
        now = self._database(begun.database)
        same = all(_time(self._stored(now, name)) == _time(read) for name, read in begun.documents.items())
        if not same or any(_times(self._answer(now, parent, query)) != seen for parent, query, seen in begun.asked):
            raise Refusal(grpc.StatusCode.ABORTED, "Too much contention on these documents. Please try again.")

    # -- reads ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _stored(database: Mapping[str, Stored], name: str) -> Any:
        return database.get(name.rpartition("/")[0], {}).get(name)

    def batch_get_documents(self, request: Any) -> Iterator[Any]:
        """Each document that is asked for, or that it is missing."""
        name, is_new, begun = self._reading(request, request.database)
        answer, now = types.BatchGetDocumentsResponse.pb(), self._now()
        if is_new:
            yield answer(transaction=name, read_time=now)
        for wanted in dict.fromkeys(request.documents):
            document = self._read(wanted, begun)
            if document is None:
                yield answer(missing=wanted, read_time=now)
            else:
                yield answer(found=_masked(request, document), read_time=now)

    def _read(self, name: str, begun: _Transaction | None) -> Any:
        if begun is None:
            return self._stored(self._database(name), name)
        begun.documents[name] = self._stored(begun.snapshot, name)
        return begun.documents[name]

    def get_document(self, request: Any) -> Any:
        """One document. Raises Refusal where there is none."""
        begun = self._of(request.transaction) if request.transaction else None
        document = self._read(request.name, begun)
        if document is None:
            raise Refusal(grpc.StatusCode.NOT_FOUND, f'Document "{request.name}" not found.')
        return _masked(request, document)

    def _answer(self, database: Mapping[str, Stored], parent: str, query: Any) -> list[Any]:
        (source,) = query.from_
        if source.all_descendants:
            names = [one for one in database if one.startswith(parent) and one.endswith(f"/{source.collection_id}")]
        else:
            names = [f"{parent}/{source.collection_id}"]
        collection = database.get(names[0]) if len(names) == 1 else None
        if isinstance(collection, Documents):
            return collection.found(query)
        return queries.found(query, (one for name in names for one in database.get(name, {}).values()))

    def _asked(self, request: Any, query: Any) -> tuple[bytes, bool, list[Any]]:
        if self._indexes is not None:
            queries.check_index(query, self._indexes)
        name, is_new, begun = self._reading(request, "/".join(request.parent.split("/")[:4]))
        database = self._database(request.parent) if begun is None else begun.snapshot
        documents = self._answer(database, request.parent, query)
        if begun is not None:
            begun.asked.append((request.parent, query, _times(documents)))
        return name, is_new, documents

    def run_query(self, request: Any) -> Iterator[Any]:
        """What a query finds, in its order."""
        name, is_new, documents = self._asked(request, request.structured_query)
        answer, now = types.RunQueryResponse.pb(), self._now()
        if is_new or not documents:
            yield answer(transaction=name if is_new else b"", read_time=now)
        for document in documents:
            yield answer(document=document, read_time=now)

    def run_aggregation_query(self, request: Any) -> Iterator[Any]:
        """A count, a sum or an average of what a query finds."""
        asked = request.structured_aggregation_query
        name, is_new, documents = self._asked(request, asked.structured_query)
        answer = types.RunAggregationQueryResponse.pb()(transaction=name if is_new else b"", read_time=self._now())
        for one in asked.aggregations:
            answer.result.aggregate_fields[one.alias].CopyFrom(queries.aggregated(one, documents))
        yield answer

    # -- lists ----------------------------------------------------------------------------------------------------

    def list_documents(self, request: Any) -> Any:
        """A page of a collection, by the names of its documents."""
        database = self._database(request.parent)
        names = sorted(database.get(f"{request.parent}/{request.collection_id}", {}))
        names = [name for name in names if name > request.page_token]
        most = request.page_size or _PAGE
        found = [_masked(request, self._stored(database, name)) for name in names[:most]]
        return types.ListDocumentsResponse.pb()(
            documents=found, next_page_token=names[most - 1] if len(names) > most else ""
        )

    def list_collection_ids(self, request: Any) -> Any:
        """The collections below a document, or of a database."""
        start = f"{request.parent}/"
        filled = [name for name, documents in self._database(request.parent).items() if documents]
        ids = sorted({name[len(start) :].split("/")[0] for name in filled if name.startswith(start)})
        ids = [one for one in ids if one > request.page_token]
        most = request.page_size or _PAGE
        return types.ListCollectionIdsResponse.pb()(
            collection_ids=ids[:most], next_page_token=ids[most - 1] if len(ids) > most else ""
        )

    # -- calls ----------------------------------------------------------------------------------------------------

    def call(self, method: str, request: Any) -> list[Any]:
        """The answers to one request. Raises Refusal."""
        with self._lock:
            answer = getattr(self, method)(request)
            return list(answer) if isinstance(answer, Iterator) else [answer]


def _times(documents: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(one.name, _time(one)) for one in documents]


def _time(document: Any) -> Any:
    return None if document is None else document.update_time.ToNanoseconds()


def _masked(request: Any, document: Any) -> Any:
    return queries.masked(document, request.mask.field_paths) if request.HasField("mask") else document
