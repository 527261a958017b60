"""`agnodb doctor` on stores of documents: what is the matter with each, told with its mend; nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Examination, follow, run, says
from google.cloud import storage
from redis import Redis
from store_places import BucketPlace, DynamoPlace, FirestorePlace, JsonPlace, RedisPlace

from agnodb.cli.stores import StorePlace
from agnodb.config import Layout
from agnodb.diagnosis import documents
from agnodb.diagnosis.finding import Severity
from agnodb.diagnosis.findings_stores import about_setup
from agnodb.diagnosis.store_facts import BucketFacts, DynamoDbFacts, FirestoreFacts, FolderFacts
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.firestore.server import VARIABLE, FirestoreServer
from agnodb.testing.valkey_server import ValkeyServer


def found(setup: Any) -> dict[str, tuple[str, str | None]]:
    """The severities and mends of what a way to set a store up means."""
    commands = StorePlace("memory:", "agno", Layout()).commands(None)
    return {finding.check: (finding.severity.value, finding.mend) for finding in about_setup(setup, commands)}


def test_a_store_in_use_needs_nothing(place: Any) -> None:
    with place.ours() as db:
        db.sessions.upsert(a_session())
        db.runs.upsert(a_run("r"))
    told = Examination(*place.options)
    assert (told.exit_code, told.needed) == (0, {}), told.text
    assert told["server"]["severity"] == "ok"
    assert told["records"]["message"] == "2: each can be read and stands in its lists"
    assert ("connection" in told.findings) is not isinstance(place, JsonPlace)
    assert "Nothing to do" in run("doctor", *place.options).output


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, dynamodb_server: str, gcs_server: str) -> None:
    folder = JsonPlace(tmp_path / "new")
    told = Examination(*folder.options)
    assert (told.exit_code, told.severities()) == (0, {"server": "note"})
    assert not folder.folder.exists()
    table = DynamoPlace(dynamodb_server)
    told = Examination(*table.options)
    assert told.exit_code == 1
    name = table.options[0].partition("?")[0].rpartition("/")[2]
    assert name not in table.client.list_tables()["TableNames"]
    follow(told["server"]["mend"], "")
    told = Examination(*table.options)
    assert (told.exit_code, told["server"]["message"]) == (0, "DynamoDB, a table that is ACTIVE")
    told = Examination("gs://agnodb-test-no-such-bucket/x")
    assert (told.exit_code, told.severities()) == (1, {"server": "error"})


def test_records_and_lists_that_do_not_agree_are_named(redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = RedisPlace(redis_server)
    with place.ours() as db:
        for key in ("s", "t"):
            db.sessions.upsert(a_session(key))
    with Redis.from_url(redis_server) as client:
        lists = f"{{{place.prefix}}}:agno_sessions:list:"
        first, _ = client.zrange(f"{lists}>latest", 0, -1)
        client.zrem(f"{lists}>latest", first)
        client.zadd(f'{lists}user_id>created_at["alice"]', {b"10000000000000064\0gone": 0})
    told = Examination(*place.options)
    assert told.exit_code == 1
    messages = [finding["message"] for finding in told.document["findings"] if finding["check"] == "records"]
    assert messages == [
        "agno_sessions: a list by latest has 1 of 2 records",
        "agno_sessions: a list by user_id, created_at has 3 places for 2 records",
    ]
    monkeypatch.setattr(documents, "MOST", 0)
    told = Examination(*place.options)
    assert told["records"]["severity"] == "note"
    assert told["records"]["mend"].startswith("agnodb check --url redis://")
    assert f"--schema {place.prefix}" in told["records"]["mend"]


def test_a_server_of_redis_that_loses_records() -> None:
    with ValkeyServer.start() as server, Redis.from_url(server.url) as client:
        client.config_set("appendonly", "no")
        told = Examination(server.url)
        assert told["server"]["message"].startswith("Valkey 9.")
        assert (told["eviction"]["severity"], told["durability"]["severity"]) == ("ok", "note")
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", "100mb")
        told = Examination(server.url)
        assert "noeviction, it is allkeys-lru" in told["eviction"]["message"]
        assert told["eviction"]["mend"].startswith("CONFIG SET maxmemory-policy noeviction")
        client.config_set("maxmemory-policy", "noeviction")
        assert Examination(server.url)["memory"]["severity"] == "ok"
        client.config_set("maxmemory", "1mb")
        assert Examination(server.url)["memory"]["severity"] == "warning"


def test_a_server_of_a_cluster(redis_cluster: str) -> None:
    told = Examination(redis_cluster, "--schema", "agnodb-test-nothing")
    assert (told.exit_code, told["server"]["message"].rpartition(", ")[2]) == (0, "cluster")


def test_a_table_that_is_provisioned(dynamodb_server: str) -> None:
    place = DynamoPlace(dynamodb_server)
    says("upgrade", "--url", *place.options)
    name = place.options[0].partition("?")[0].rpartition("/")[2]
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    place.client.update_table(TableName=name, BillingMode="PROVISIONED", ProvisionedThroughput=units)
    told = Examination(*place.options)
    assert told["billing"]["severity"] == "note"
    assert "5 read and 6 write units" in told["billing"]["message"]
    assert told["recovery"]["severity"] == "note"
    place.client.delete_table(TableName=name)


def test_lists_that_lack_their_index(monkeypatch: pytest.MonkeyPatch) -> None:
    with FirestoreServer.start({"indexes": []}) as server:
        monkeypatch.setenv(VARIABLE, server.host)
        told = Examination(*FirestorePlace(monkeypatch).options)
        assert told.exit_code == 1
        assert "of 138 lists lack their composite index" in told["indexes"]["message"]
        assert told["indexes"]["mend"].startswith("agnodb firestore-indexes")


def test_a_bucket_whose_server_knows_no_conditions(gcs_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = BucketPlace()
    assert Examination(*place.options)["preconditions"]["severity"] == "ok"
    upload = storage.Blob.upload_from_string
    without = lambda blob, text, **given: upload(blob, text, timeout=given["timeout"])  # noqa: E731
    monkeypatch.setattr(storage.Blob, "upload_from_string", without)
    told = Examination(*place.options)
    assert told["preconditions"]["severity"] == "error"
    assert not [blob for blob in storage.Client().list_blobs(place.bucket) if "doctor" in blob.name]


def test_what_the_ways_to_set_up_mean() -> None:
    bucket = BucketFacts(exists=True, storage_class="NEARLINE", soft_delete=604_800, retention=86_400, deleting=True)
    told = {check: severity for check, (severity, _) in found(bucket).items()}
    wanted = {"retention": Severity.ERROR, "lifecycle": Severity.WARNING, "kept": Severity.NOTE, "class": Severity.NOTE}
    assert {check: told[check] for check in wanted} == wanted
    assert found(DynamoDbFacts(exists=True, status="CREATING"))["server"][0] == "error"
    assert found(FolderFacts(exists=True, writable=False, interrupted=True)).keys() == {"server", "journal"}
    missing = tuple(f"agno_sessions by {number}" for number in range(9))
    assert found(FirestoreFacts(lists=138, missing=missing))["indexes"][0] == "error"


def test_no_server_is_a_finding_without_a_password() -> None:
    told = Examination("redis://alice:s3cr3t@127.0.0.1:1/0")
    assert (told.exit_code, told.severities()) == (2, {"connection": "error"})
    assert "s3cr3t" not in told.text
    assert json.loads(says("doctor", "memory:", "--json"))["findings"][0]["check"] == "server"
