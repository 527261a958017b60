"""The demo, as a user starts it: each step checks itself, here is what must be in the database afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from google.cloud import storage
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from agnodb.testing.dynamodb_server import REGION
from agnodb.testing.mariadb import MySQLAccess
from agnodb.urls import async_url

SCRIPT_SECONDS = 120

AT_LEAST = {
    "agno_sessions": 8,
    "agno_runs": 12,
    "agno_memories": 4,
    "agno_knowledge": 1,
    "agno_traces": 10,
    "agno_spans": 30,
    "agno_approvals": 1,
    "agno_schedules": 1,
    "agno_schedule_runs": 1,
    "agno_metrics": 3,
    "agno_eval_runs": 2,
    "agno_learnings": 1,
    "agno_schema_versions": 12,
}


def played(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m agnodb.demo`, ended. Nothing of it may reach for a network."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AGNODB_")}
    # A proxy that nobody listens on; what the demo serves to itself goes past it.
    environment |= {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    if folder is not None:
        environment["TMPDIR"] = str(folder)
    return subprocess.run(
        [sys.executable, "-m", "agnodb.demo", *arguments],
        capture_output=True,
        text=True,
        timeout=SCRIPT_SECONDS,
        env=environment,
        check=False,
    )


def rows(url: str, schema: str = "") -> dict[str, int]:
    """The number of rows of each table."""

    async def counted() -> dict[str, int]:
        engine = create_async_engine(async_url(url))
        try:
            async with engine.connect() as connection:
                return {
                    table: await connection.scalar(text(f"SELECT count(*) FROM {schema}{table}")) or 0
                    for table in AT_LEAST
                }
        finally:
            await engine.dispose()

    return asyncio.run(counted())


def few(counts: dict[str, int]) -> dict[str, int]:
    return {table: number for table, number in counts.items() if number < AT_LEAST[table]}


def test_sqlite_file_holds_what_the_demo_shows(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "demo.db"
    demo = played("--file", str(file))
    assert demo.returncode == 0, demo.stdout + demo.stderr
    for table in AT_LEAST:
        assert f"{table}  " in demo.stdout
    assert "Your name is Alice." in demo.stdout
    assert str(file) in demo.stdout
    assert few(rows(f"sqlite:///{file}")) == {}


def test_postgres_keeps_what_was_there_and_can_be_repeated(postgres_url: str) -> None:
    first = played("--url", postgres_url)
    assert first.returncode == 0, first.stdout + first.stderr
    before = rows(postgres_url, "ai.")
    assert few(before) == {}
    second = played("--url", postgres_url)
    assert second.returncode == 0, second.stdout + second.stderr
    after = rows(postgres_url, "ai.")
    assert all(after[table] >= before[table] for table in before)
    assert after["agno_sessions"] == 2 * before["agno_sessions"]
    assert after["agno_runs"] == 2 * before["agno_runs"]


def test_mariadb_holds_what_the_demo_shows(mysql_server: MySQLAccess) -> None:
    demo = played("--url", mysql_server.url)
    try:
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert few(rows(mysql_server.url, "ai.")) == {}
    finally:
        mysql_server.drop_database("ai")


def test_temporary_folder_goes_away(tmp_path: Path) -> None:
    demo = played(folder=tmp_path)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL"),
        ("postgresql://demo:secret-word@127.0.0.1:9/agno", "Error"),
    ],
)
def test_wrong_url_is_one_line_and_an_exit_code(url: str, said: str) -> None:
    demo = played("--url", url)
    assert demo.returncode != 0
    assert said in demo.stderr
    assert "Traceback" not in demo.stderr
    assert "secret-word" not in demo.stdout + demo.stderr


@pytest.mark.parametrize("kind", ["json", "redis", "mongodb", "dynamodb", "firestore", "gcs"])
def test_a_store_of_documents_holds_what_the_demo_shows(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"json://{tmp_path / 'db'}"
    if kind == "redis":
        url = f"{request.getfixturevalue('redis_server')}/7"
    elif kind == "firestore":
        url = request.getfixturevalue("firestore_server") or "firestore://agnodb-test/demo"
    elif kind == "dynamodb":
        server = request.getfixturevalue("dynamodb_server")
        url = f"dynamodb://{REGION}/agnodb-test-{uuid.uuid4().hex[:12]}?endpoint={server}"
    elif kind == "gcs":
        request.getfixturevalue("gcs_server")
        bucket = f"agnodb-test-{uuid.uuid4().hex[:12]}"
        storage.Client().create_bucket(bucket)
        url = f"gs://{bucket}/demo"
    elif kind == "mongodb":
        url = request.getfixturevalue("mongodb_server")
    demo = played("--url", url)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "Your name is Alice." in demo.stdout
    for table in AT_LEAST:
        assert f"{table}  " in demo.stdout
    told = json.loads(subprocess.check_output([sys.executable, "-m", "agnodb.cli", "inspect", url, "--json"]))
    assert few({table["table"]: table["rows"] for table in told["tables"]}) == {}


def test_the_memory_of_a_process_is_not_enough() -> None:
    demo = played("--url", "memory:")
    assert demo.returncode == 2
    assert "two processes" in demo.stderr
