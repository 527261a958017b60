"""DynamoDB for tests: moto's server as a process of its own. Its data are in its memory, and go with it.

    python -m agnodb.testing.dynamodb_server PORT

Requests are answered one at a time, because moto undoes a transaction that fails by putting back the whole table as it
was before it. It copies the table for that, item by item, once for each item of the transaction; here nothing changes
an item that is stored, so it is enough to copy the dictionaries that hold what the transaction is about, once for each
request. And it sorts all items of a table for a Query, comparing them in Python; here it sorts those of the partition.
"""

from __future__ import annotations

import copy
import inspect
import logging
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from agnodb.testing.processes import ServerProcess
from agnodb.testing.servers import LOOPBACK, free_port

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "agnodb-test", "AWS_SECRET_ACCESS_KEY": "agnodb-test"}
"""What the environment of a client needs: moto takes any."""
REGION = "eu-central-1"


class DynamoDbServer(ServerProcess):
    """A server on a free port of the loopback interface."""

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__([sys.executable, "-m", __name__, str(port)], port, folder)
        self.endpoint = f"http://{LOOPBACK}:{port}"

    @classmethod
    def start(cls) -> Self:
        """A server that answers. Raises ServerUnavailableError."""
        server = cls(free_port(), Path(tempfile.mkdtemp(prefix="agnodb-dynamodb-")))
        server.go_on()
        return server

    def url(self, table: str) -> str:
        """The URL of a table."""
        return f"dynamodb://{REGION}/{table}?endpoint={self.endpoint}"


class _Snapshots:
    """What stands for `copy.deepcopy` where moto keeps tables for transactions that fail."""

    def __init__(self) -> None:
        self._of_request: dict[int, Any] = {}
        self.partitions: set[Any] = set()
        """Those that a transaction is about."""

    def begin(self) -> None:
        """Another request begins."""
        self._of_request.clear()

    def deepcopy(self, value: Any, *memo: Any) -> Any:
        """A copy of `value`, of a table one that shares all partitions but those of the transaction."""
        if type(value).__name__ != "Table":
            return copy.deepcopy(value, *memo)
        kept = self._of_request.get(id(value))
        if kept is None:
            kept = self._of_request[id(value)] = copy.copy(value)
            kept.items = copy.copy(value.items)
            kept.items.update({key: dict(value.items[key]) for key in self.partitions if key in value.items})
        return kept


def _quicken(snapshots: _Snapshots) -> None:
    """Have moto look at the partitions only that a request is about."""
    from moto.dynamodb import models
    from moto.dynamodb.models.dynamo_type import DynamoType
    from moto.dynamodb.models.table import Table

    table_class: Any = Table
    backend_class: Any = models.DynamoDBBackend
    query, transact = table_class.query, backend_class.transact_write_items

    signature = inspect.signature(query)

    def of_partition(table: Any, hash_key: Any, *given: Any, **named: Any) -> Any:
        asked = signature.bind(table, hash_key, *given, **named).arguments
        if asked.get("index_name") is not None:
            return query(table, hash_key, *given, **named)
        table.all_items = lambda: [*table.items.get(hash_key, {}).values()]
        try:
            return query(table, hash_key, *given, **named)
        finally:
            del table.all_items

    def of_partitions(backend: Any, transact_items: Any) -> Any:
        snapshots.partitions = set()
        for given in (given for item in transact_items for given in item.values()):
            partition = backend.get_table(given["TableName"]).hash_key_attr
            snapshots.partitions.add(DynamoType((given.get("Key") or given["Item"])[partition]))
        return transact(backend, transact_items)

    vars(models)["copy"] = SimpleNamespace(copy=copy.copy, deepcopy=snapshots.deepcopy)
    table_class.query, backend_class.transact_write_items = of_partition, of_partitions


def _serve(port: int) -> None:
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request is a third of what it takes
    snapshots, lock, serve = _Snapshots(), threading.Lock(), create_backend_app("dynamodb")
    _quicken(snapshots)

    def one_at_a_time(environment: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with lock:
            snapshots.begin()
            return [*serve(environment, start_response)]

    run_simple(LOOPBACK, port, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
