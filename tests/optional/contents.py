"""Each database class of agnodb, empty, as a `contents_db`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agnodb

CLASSES = (
    "InMemoryDb", "JsonDb", "SqliteDb", "PostgresDb", "MySQLDb", "MongoDb", "RedisDb", "DynamoDb", "GcsJsonDb",
    "FirestoreDb",
)  # fmt: skip
"""And each with `Async` before it. SingleStoreDb needs a server of its own, which is not here."""


def database(name: str, request: pytest.FixtureRequest, folder: Path) -> Any:
    """A new database of the class `name`."""
    own, kind = f"kb_{uuid.uuid4().hex[:12]}", name.removeprefix("Async")

    def of(fixture: str) -> Any:
        return request.getfixturevalue(fixture)

    given: dict[str, Callable[[], dict[str, Any]]] = {
        "InMemoryDb": dict,
        "JsonDb": lambda: {"db_path": str(folder / "rows")},
        "SqliteDb": lambda: {"db_file": str(folder / "rows.db")},
        "PostgresDb": lambda: {"db_url": of("postgres_url")},
        "MySQLDb": lambda: {"db_url": of("mysql_server").url, "db_schema": own},
        "MongoDb": lambda: {"db_url": of("mongodb_server"), "db_name": own},
        "RedisDb": lambda: {"db_url": of("redis_server"), "db_prefix": own},
        "DynamoDb": lambda: {"db_url": f"dynamodb://us-east-1/{own}?endpoint={of('dynamodb_server')}"},
        "FirestoreDb": lambda: {"db_url": of("firestore_server") or f"firestore://test/{own.replace('_', '-')}"},
        "GcsJsonDb": lambda: {"bucket_name": _bucket(of("gcs_server")), "prefix": own},
    }
    return getattr(agnodb, name)(**given[kind]())


def _bucket(_server: str) -> str:
    from google.cloud import storage

    name = f"kb-{uuid.uuid4().hex[:12]}"
    storage.Client().create_bucket(name)
    return name
