"""Firestore for tests: a process of its own, whose data are in its memory and go with it.

    python -m agnodb.testing.firestore.server PORT [INDEXES]

Google's own emulator needs a download that the tests do without. This is what the documentation of the service says,
for what the real client sends: commits with update masks, transforms and preconditions, reads and queries with
cursors, counts, transactions, lists. With INDEXES, the file for the service's own command line, a query that no index
of it serves is refused as the service does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from agnodb.testing.processes import ServerProcess
from agnodb.testing.servers import LOOPBACK, free_port

VARIABLE = "FIRESTORE_EMULATOR_HOST"
"""Where Google's clients look for a server that is not Google's."""

_METHODS = {
    "BatchGetDocuments": "batch_get_documents",
    "BeginTransaction": "begin_transaction",
    "Commit": "commit",
    "GetDocument": "get_document",
    "ListCollectionIds": "list_collection_ids",
    "ListDocuments": "list_documents",
    "Rollback": "rollback",
    "RunAggregationQuery": "run_aggregation_query",
    "RunQuery": "run_query",
}
_STREAMS = frozenset({"BatchGetDocuments", "RunAggregationQuery", "RunQuery"})
_THREADS = 32


class FirestoreServer(ServerProcess):
    """A server on a free port of the loopback interface."""

    def __init__(self, port: int, folder: Path, indexes: Any = None) -> None:
        command = [sys.executable, "-m", __name__, str(port)]
        if indexes is not None:
            (folder / "indexes.json").write_text(json.dumps(indexes))
            command.append(str(folder / "indexes.json"))
        super().__init__(command, port, folder)
        self.host = f"{LOOPBACK}:{port}"

    @classmethod
    def start(cls, indexes: Any = None) -> Self:
        """A server that answers, and wants these indexes where some are given. Raises ServerUnavailableError."""
        server = cls(free_port(), Path(tempfile.mkdtemp(prefix="agnodb-firestore-")), indexes)
        server.go_on()
        return server


def _of_file(given: Any) -> dict[str, list[list[tuple[str, str]]]]:
    """The indexes of a definition file, by their collections."""
    found: dict[str, list[list[tuple[str, str]]]] = {}
    for index in given["indexes"]:
        parts = [(part["fieldPath"], part["order"]) for part in index["fields"]]
        found.setdefault(index["collectionGroup"], []).append(parts)
    return found


def _serve(port: int, indexes: Any) -> None:
    import grpc
    from google.cloud.firestore_v1 import types

    from agnodb.testing.firestore.commits import Refusal
    from agnodb.testing.firestore.service import Service

    service = Service(None if indexes is None else _of_file(indexes))

    def called(method: str, request: Any, context: Any) -> list[Any]:
        try:
            return service.call(method, request)
        except Refusal as refusal:
            context.abort(refusal.code, refusal.message)
            raise

    def unary(method: str) -> Callable[[Any, Any], Any]:
        return lambda request, context: called(method, request, context)[0]

    def stream(method: str) -> Callable[[Any, Any], Iterator[Any]]:
        return lambda request, context: iter(called(method, request, context))

    handlers = {}
    for name, method in _METHODS.items():
        make = grpc.unary_stream_rpc_method_handler if name in _STREAMS else grpc.unary_unary_rpc_method_handler
        behaviour = stream(method) if name in _STREAMS else unary(method)
        request = getattr(types, f"{name}Request").pb()
        handlers[name] = make(
            behaviour,
            request_deserializer=request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", handlers),))
    server.add_insecure_port(f"{LOOPBACK}:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else None)
