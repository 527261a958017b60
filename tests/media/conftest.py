"""Object stores that are empty: a folder, memory, and servers of S3's and of Cloud Storage's kind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agnodb.testing.gcs_objects import GcsObjects
from agnodb.testing.object_server import S3Server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with S3Server.start() as server:
        yield server


@pytest.fixture(scope="session")
def gs() -> Iterator[GcsObjects]:
    with GcsObjects.start() as server:
        yield server


@pytest.fixture(params=["file", "memory", "s3", "gs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The arguments of a storage that is empty."""
    if request.param == "file":
        return {"url": f"file://{tmp_path}/media of mine"}
    if request.param == "memory":
        return {"url": "memory://"}
    server: S3Server | GcsObjects = request.getfixturevalue(request.param)
    bucket = f"media-{uuid.uuid4().hex}"
    server.make_bucket(bucket)
    return {"url": f"{request.param}://{bucket}/some/prefix", **server.options}
