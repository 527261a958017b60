"""kill -9 of processes that write to one store: every acknowledged write is there, none twice, nothing by halves, and
what the others write goes on. Afterwards lists and records agree."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from killing import survivor_of

from agnodb import AsyncDynamoDb, AsyncFirestoreDb, AsyncGcsJsonDb, AsyncRedisDb
from agnodb.diagnosis.documents import WITHOUT, differences
from agnodb.documents.stores import gcs
from agnodb.testing.dynamodb_server import REGION
from agnodb.testing.history import ACKNOWLEDGED, UNKNOWN
from agnodb.testing.writers import EVERYTHING, Job, in_transaction, prepare


@pytest.fixture(params=["redis", "dynamodb", "firestore", "gcs"])
def database(request: pytest.FixtureRequest) -> Any:
    name = f"agnodb-test-{uuid.uuid4().hex[:12]}"
    match request.param:
        case "redis":
            return AsyncRedisDb(db_url=request.getfixturevalue("redis_server"), db_prefix=name)
        case "dynamodb":
            server = request.getfixturevalue("dynamodb_server")
            return AsyncDynamoDb(db_url=f"dynamodb://{REGION}/{name}?endpoint={server}")
        case "firestore":
            if request.getfixturevalue("firestore_server") is not None:
                pytest.skip("a database of its own is needed")
            return AsyncFirestoreDb(db_url=f"firestore://agnodb-test/d-{name[-12:]}")
        case _:
            request.getfixturevalue("gcs_server")
            storage.Client().create_bucket(name)
            return AsyncGcsJsonDb(name)


async def test_kill_9_of_processes_that_write(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with database as db:
        await prepare(db, schedules=10)
        rounds = 40 if isinstance(db, AsyncRedisDb) else 6  # those that are to be killed must not be done before
        job = Job.on(db, tmp_path, turns=EVERYTHING, processes=3, writers=2, rounds=rounds)
        survivor = await survivor_of(job, db, after=10)
        assert {o.outcome for o in survivor if not in_transaction(o)} <= {ACKNOWLEDGED, UNKNOWN}
        assert ACKNOWLEDGED in {o.outcome for o in survivor}
        monkeypatch.setattr(gcs, "PATIENCE", gcs.PATIENCE * 0)  # nobody is about to use what they have left there
        await differences(db.repositories)  # whoever meets what they have left sweeps it
        told = await differences(db.repositories)
        if isinstance(db, AsyncGcsJsonDb):  # nobody has read the other lists
            told = [line for line in told if WITHOUT not in line]
        assert told == []
