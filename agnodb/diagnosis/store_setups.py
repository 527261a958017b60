"""How the stores of documents are set up, as their own blocking clients tell it. Nothing is changed.

Raises what a store's `translate` makes of errors.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from agnodb.diagnosis.store_facts import BucketFacts, DynamoDbFacts, FirestoreFacts, FolderFacts, RedisFacts
from agnodb.documents.store import DocumentStore, Index, Query
from agnodb.documents.stores import dynamodb_clients, gcs_clients, redis_clients
from agnodb.errors import ConfigurationError

_NOBODYS = 1
"""A generation that no object has."""


def of_folder(folder: Path) -> FolderFacts:
    """A folder of JSON files, or where it would be made."""
    there = next(at for at in (folder, *folder.absolute().parents) if at.exists())
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    if there != folder:
        return FolderFacts(exists=False, writable=writable)
    taken = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another process has just deleted it
            taken += file.stat().st_size
    return FolderFacts(exists=True, writable=writable, bytes=taken, interrupted=(folder / ".journal").exists())


def of_redis(client: Any) -> RedisFacts:
    """The server of a client, of a cluster the first."""
    try:
        told = {name: value for part in _parts(client) for name, value in part.items()}
    except Exception as error:
        raise redis_clients.translate(error) from error
    name = "Valkey" if "valkey_version" in told else "Redis"
    return RedisFacts(
        name=name,
        version=str(told[f"{name.lower()}_version"]),
        mode=str(told.get("server_mode") or told.get("redis_mode") or "standalone"),
        replica=told.get("role") in ("slave", "replica"),
        maxmemory=int(told.get("maxmemory") or 0),
        used_memory=int(told.get("used_memory") or 0),
        policy=str(told.get("maxmemory_policy") or "noeviction"),
        evicted=int(told.get("evicted_keys") or 0),
        appendonly=bool(told.get("aof_enabled")),
    )


def _parts(client: Any) -> list[Mapping[str, Any]]:
    parts = [client.info(part) for part in ("server", "memory", "persistence", "replication", "stats")]
    # A cluster may tell by server.
    return [next(iter(told.values())) if all(isinstance(v, dict) for v in told.values()) else told for told in parts]


def of_dynamodb(client: Any, table: str) -> DynamoDbFacts:
    """A table, seen by a client of boto3."""
    try:
        told = client.describe_table(TableName=table)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return DynamoDbFacts(exists=False)
    except Exception as error:
        raise dynamodb_clients.translate(error) from error
    units = told.get("ProvisionedThroughput", {})
    return DynamoDbFacts(
        exists=True,
        status=told["TableStatus"],
        on_demand=told.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST",
        read_units=units.get("ReadCapacityUnits", 0),
        write_units=units.get("WriteCapacityUnits", 0),
        recovery=_recovery(client, table),
    )


def _recovery(client: Any, table: str) -> bool | None:
    try:
        told = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    except Exception:  # a right of its own, or a server that does not know the question
        return None
    described = told.get("PointInTimeRecoveryDescription", {})
    return bool(described.get("PointInTimeRecoveryStatus") == "ENABLED")


async def of_firestore(store: DocumentStore, collections: Mapping[str, Sequence[Index]]) -> FirestoreFacts:
    """Which lists no index serves: each is asked for, in the directions that it has, for at most one record."""
    missing, asked = list[str](), 0
    for collection, indexes in collections.items():
        for index in indexes:
            for descending in (False, True) if index.descending is None else (index.descending,):
                query = Query(collection, index, tuple("" for _ in index.fields), descending=descending)
                asked += 1
                try:
                    await store.find(query, limit=1)
                except ConfigurationError as error:
                    if "requires an index" not in str(error.detail):
                        raise
                    way = "descending" if descending else "ascending"
                    missing.append(f"{collection} by {', '.join((*index.fields, index.sort))}, {way}")
    return FirestoreFacts(lists=asked, missing=tuple(missing))


def of_bucket(bucket: Any, prefix: str) -> BucketFacts:
    """A bucket, seen by a client of google-cloud-storage."""
    given: dict[str, Any] = {"timeout": gcs_clients.SECONDS, "retry": None}
    try:
        bucket.reload(**given)
        return BucketFacts(
            exists=True,
            storage_class=str(bucket.storage_class or ""),
            location=str(bucket.location or ""),
            versioning=bool(bucket.versioning_enabled),
            soft_delete=float(getattr(bucket.soft_delete_policy, "retention_duration_seconds", 0) or 0),
            retention=float(bucket.retention_period or 0),
            deleting=any(rule.get("action", {}).get("type") == "Delete" for rule in bucket.lifecycle_rules),
            preconditions=_refuses(bucket, prefix, given),
        )
    except Exception as error:
        if type(error).__name__ == "NotFound":
            return BucketFacts(exists=False)
        raise gcs_clients.translate(error) from error


def _refuses(bucket: Any, prefix: str, given: Mapping[str, Any]) -> bool:
    """Whether an object that is not there is not written, where the condition is that it has a generation."""
    probe = bucket.blob(f"{prefix}doctor-{uuid4().hex}")
    try:
        probe.upload_from_string("", if_generation_match=_NOBODYS, **given)
    except Exception as error:
        if type(error).__name__ == "PreconditionFailed":
            return True
        raise
    probe.delete(**given)  # a server that knows no conditions has written it
    return False
