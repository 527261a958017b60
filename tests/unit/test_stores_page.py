"""The table of docs/stores.md is what the stores say of themselves."""

from __future__ import annotations

from pathlib import Path

from agnodb.documents.store import Capabilities
from agnodb.documents.stores.dynamodb import DynamoDbStore
from agnodb.documents.stores.firestore import FirestoreStore
from agnodb.documents.stores.gcs import GcsStore
from agnodb.documents.stores.json_files import JsonFileStore
from agnodb.documents.stores.memory import MemoryStore
from agnodb.documents.stores.redis import RedisStore

PAGE = Path(__file__).parents[2] / "docs" / "stores.md"
STORES: dict[str, tuple[str, str, Capabilities]] = {
    "memory": ("`AsyncInMemoryDb`, `InMemoryDb`", "", MemoryStore.capabilities),
    "JSON files": ("`AsyncJsonDb`, `JsonDb`", "", JsonFileStore.capabilities),
    "Redis, Valkey": ("`AsyncRedisDb`, `RedisDb`", "`redis`", RedisStore.capabilities),
    "DynamoDB": ("`AsyncDynamoDb`, `DynamoDb`", "`dynamodb`", DynamoDbStore.capabilities),
    "Firestore": ("`AsyncFirestoreDb`, `FirestoreDb`", "`firestore`", FirestoreStore.capabilities),
    "Cloud Storage": ("`AsyncGcsJsonDb`, `GcsJsonDb`", "`gcs`", GcsStore.capabilities),
}
HEAD = ("store", "classes", "extra", "processes", "transactions", "records in one step", "bytes in one", "expiry")


def row(name: str) -> tuple[str, ...]:
    classes, extra, able = STORES[name]
    return (
        name,
        classes,
        extra or "none",
        "many" if able.shared else "one",
        "yes" if able.atomic else "no",
        f"{able.batch:,}" if able.atomic else "1",
        "any number" if able.bytes is None else f"{able.bytes:,}",
        "yes" if able.expires else "no",
    )


def table() -> str:
    rows = [HEAD, ("---",) * len(HEAD), *map(row, STORES)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def test_the_table_is_what_the_stores_say() -> None:
    assert f"\n{table()}\n" in PAGE.read_text(), f"docs/stores.md needs this table:\n{table()}"
