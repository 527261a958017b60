"""agnodb: an async-first data layer with migrations for what AI agents generate and use.

`import agnodb` loads no driver, no SQLAlchemy and no agno: each public name is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agnodb.databases.dynamodb import AsyncDynamoDb, DynamoDb
    from agnodb.databases.firestore import AsyncFirestoreDb, FirestoreDb
    from agnodb.databases.gcs_json import AsyncGCSJsonDb, AsyncGcsJsonDb, GCSJsonDb, GcsJsonDb
    from agnodb.databases.json_files import AsyncJsonDb, JsonDb
    from agnodb.databases.memory import AsyncInMemoryDb, InMemoryDb
    from agnodb.databases.mongo import AsyncMongoDb, MongoDb
    from agnodb.databases.mysql import AsyncMySQLDb, MySQLDb
    from agnodb.databases.postgres import AsyncPostgresDb, PostgresDb
    from agnodb.databases.redis import AsyncRedisDb, RedisDb
    from agnodb.databases.singlestore import AsyncSingleStoreDb, SingleStoreDb
    from agnodb.databases.sqlite import AsyncSqliteDb, SqliteDb
    from agnodb.errors import (
        AgnoDbError,
        ConfigurationError,
        ConflictError,
        DuplicateKeyError,
        InvalidValueError,
        MissingDriverError,
        NotFoundError,
        OwnershipError,
        SchemaOutdatedError,
        StaleVersionError,
        StorageError,
        UnavailableError,
        UnsupportedOperationError,
        WrongLoopError,
    )
    from agnodb.policies import WriteFailure

__version__ = "0.1.0"

_HOMES = {
    "AsyncDynamoDb": "agnodb.databases.dynamodb",
    "AsyncFirestoreDb": "agnodb.databases.firestore",
    "AsyncGCSJsonDb": "agnodb.databases.gcs_json",
    "AsyncGcsJsonDb": "agnodb.databases.gcs_json",
    "AsyncInMemoryDb": "agnodb.databases.memory",
    "AsyncJsonDb": "agnodb.databases.json_files",
    "AsyncMongoDb": "agnodb.databases.mongo",
    "AsyncMySQLDb": "agnodb.databases.mysql",
    "AsyncPostgresDb": "agnodb.databases.postgres",
    "AsyncRedisDb": "agnodb.databases.redis",
    "AsyncSingleStoreDb": "agnodb.databases.singlestore",
    "AsyncSqliteDb": "agnodb.databases.sqlite",
    "DynamoDb": "agnodb.databases.dynamodb",
    "FirestoreDb": "agnodb.databases.firestore",
    "GCSJsonDb": "agnodb.databases.gcs_json",
    "GcsJsonDb": "agnodb.databases.gcs_json",
    "InMemoryDb": "agnodb.databases.memory",
    "JsonDb": "agnodb.databases.json_files",
    "MongoDb": "agnodb.databases.mongo",
    "MySQLDb": "agnodb.databases.mysql",
    "PostgresDb": "agnodb.databases.postgres",
    "RedisDb": "agnodb.databases.redis",
    "SingleStoreDb": "agnodb.databases.singlestore",
    "SqliteDb": "agnodb.databases.sqlite",
    "AgnoDbError": "agnodb.errors",
    "ConfigurationError": "agnodb.errors",
    "ConflictError": "agnodb.errors",
    "DuplicateKeyError": "agnodb.errors",
    "InvalidValueError": "agnodb.errors",
    "MissingDriverError": "agnodb.errors",
    "NotFoundError": "agnodb.errors",
    "OwnershipError": "agnodb.errors",
    "SchemaOutdatedError": "agnodb.errors",
    "StaleVersionError": "agnodb.errors",
    "StorageError": "agnodb.errors",
    "UnavailableError": "agnodb.errors",
    "UnsupportedOperationError": "agnodb.errors",
    "WrongLoopError": "agnodb.errors",
    "WriteFailure": "agnodb.policies",
}

__all__ = [
    "AgnoDbError",
    "AsyncDynamoDb",
    "AsyncFirestoreDb",
    "AsyncGCSJsonDb",
    "AsyncGcsJsonDb",
    "AsyncInMemoryDb",
    "AsyncJsonDb",
    "AsyncMongoDb",
    "AsyncMySQLDb",
    "AsyncPostgresDb",
    "AsyncRedisDb",
    "AsyncSingleStoreDb",
    "AsyncSqliteDb",
    "ConfigurationError",
    "ConflictError",
    "DuplicateKeyError",
    "DynamoDb",
    "FirestoreDb",
    "GCSJsonDb",
    "GcsJsonDb",
    "InMemoryDb",
    "InvalidValueError",
    "JsonDb",
    "MissingDriverError",
    "MongoDb",
    "MySQLDb",
    "NotFoundError",
    "OwnershipError",
    "PostgresDb",
    "RedisDb",
    "SchemaOutdatedError",
    "SingleStoreDb",
    "SqliteDb",
    "StaleVersionError",
    "StorageError",
    "UnavailableError",
    "UnsupportedOperationError",
    "WriteFailure",
    "WrongLoopError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agnodb' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
