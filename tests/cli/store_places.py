"""Places of every store of documents: agno's database class there, and ours."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from agno.db.dynamo import DynamoDb as AgnosDynamoDb
from agno.db.firestore import FirestoreDb as AgnosFirestoreDb
from agno.db.firestore import firestore as agnos_firestore
from agno.db.gcs_json import GcsJsonDb as AgnosGcsJsonDb
from agno.db.json import JsonDb as AgnosJsonDb
from agno.db.redis import RedisDb as AgnosRedisDb
from google.cloud import firestore, storage
from redis import Redis

from agnodb import DynamoDb, FirestoreDb, GcsJsonDb, JsonDb, RedisDb
from agnodb.testing.dynamodb_server import REGION


class Place:
    options: list[str]

    def options_of_url(self) -> list[str]:
        """As those commands have them that take no URL as an argument."""
        return ["--url", *self.options]


class JsonPlace(Place):
    def __init__(self, folder: Path) -> None:
        self.folder, self.options = folder, [f"json://{folder}"]

    def agnos(self) -> Any:
        return AgnosJsonDb(str(self.folder))

    def ours(self) -> Any:
        return JsonDb(self.folder)

    def kept(self) -> bool:
        """Whether agno's own is there still."""
        return (self.folder / "before-adoption" / "agno_sessions.json").exists()


class FirestorePlace(Place):
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        # It would look for Google's service.
        patch.setattr(agnos_firestore, "create_collection_indexes", lambda *_given: None)
        self.database = f"d-{uuid.uuid4().hex[:12]}"
        self.options = [f"firestore://agnodb-test/{self.database}"]

    def client(self) -> Any:
        return firestore.Client(project="agnodb-test", database=self.database)

    def agnos(self) -> Any:
        return AgnosFirestoreDb(db_client=self.client())

    def ours(self) -> Any:
        return FirestoreDb(db_url=self.options[0])

    def kept(self) -> bool:
        return len(self.client().collection("agno_runs").get()) == 24


class RedisPlace(Place):
    def __init__(self, url: str) -> None:
        self.url, self.prefix = url, f"agnodb-test-{uuid.uuid4().hex[:12]}"
        self.options = [url, "--schema", self.prefix]

    def agnos(self) -> Any:
        return AgnosRedisDb(db_url=self.url, db_prefix=self.prefix)

    def ours(self) -> Any:
        return RedisDb(db_url=self.url, db_prefix=self.prefix)

    def kept(self) -> bool:
        return bool(self.agnos().get_session("s0", "agent").runs)


class DynamoPlace(Place):
    def __init__(self, server: str) -> None:
        self.client = boto3.client("dynamodb", region_name=REGION, endpoint_url=server)
        self.options = [f"dynamodb://{REGION}/agnodb-test-{uuid.uuid4().hex[:12]}?endpoint={server}"]

    def agnos(self) -> Any:
        return AgnosDynamoDb(self.client)

    def ours(self) -> Any:
        return DynamoDb(db_url=self.options[0])

    def kept(self) -> bool:
        return bool(self.client.scan(TableName="agno_runs")["Count"] == 24)

    def clear(self) -> None:
        """Delete what the next test would find of agno's: its tables have the same names always."""
        for table in self.client.list_tables()["TableNames"]:
            if table.startswith("agno_"):
                self.client.delete_table(TableName=table)


class BucketPlace(Place):
    def __init__(self) -> None:
        self.bucket = f"agnodb-test-{uuid.uuid4().hex[:12]}"
        storage.Client().create_bucket(self.bucket)
        self.options = [f"gs://{self.bucket}/here"]

    def agnos(self) -> Any:
        return AgnosGcsJsonDb(self.bucket, "here/")

    def ours(self) -> Any:
        return GcsJsonDb(db_url=self.options[0])

    def kept(self) -> bool:
        return storage.Client().bucket(self.bucket).get_blob("here/agno_runs.json") is not None


@pytest.fixture(params=["json", "redis", "firestore", "dynamodb", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty place of each store."""
    if request.param == "json":
        yield JsonPlace(tmp_path / "db")
        return
    if request.param == "firestore":
        if request.getfixturevalue("firestore_server") is not None:
            pytest.skip("a database of its own is needed")
        yield FirestorePlace(monkeypatch)
        return
    if request.param == "dynamodb":
        dynamo = DynamoPlace(request.getfixturevalue("dynamodb_server"))
        yield dynamo
        dynamo.clear()
        return
    if request.param == "bucket":
        request.getfixturevalue("gcs_server")
        yield BucketPlace()
        return
    made = RedisPlace(request.getfixturevalue("redis_server"))
    yield made
    with Redis.from_url(made.url) as client:
        for key in [*client.scan_iter(f"{made.prefix}:*"), *client.scan_iter(f"{{{made.prefix}}}:*")]:
            client.delete(key)
