"""`agnodb media check | sweep`: what is there and not needed, and the other way, on a database of each family."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agno.agent import Agent
from agno.media import Image
from typer.testing import CliRunner

from agnodb import JsonDb, MongoDb, PostgresDb, SqliteDb
from agnodb.cli import app
from agnodb.cli import media as cli_media
from agnodb.demo.model import OfflineModel
from agnodb.executors.driving import drive
from agnodb.executors.media import MediaObjects
from agnodb.executors.objects import ObjectStore
from agnodb.media import ObjectStorage
from agnodb.rules.media import MARKERS, OBJECTS, REMOVALS
from agnodb.testing.mongo_server import MongoServer


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["media", *arguments, "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, json.loads(result.output)


def database(family: str, request: pytest.FixtureRequest, folder: Path) -> tuple[str, Any]:
    """The URL of an empty database, and a database on it."""
    if family == "json":
        return f"json://{folder}/rows", JsonDb(db_path=f"{folder}/rows")
    if family == "mongo":
        server = request.getfixturevalue("mongo")
        return server, MongoDb(db_url=server)
    if family == "postgres":
        url = request.getfixturevalue("postgres_url")
        return url, PostgresDb(db_url=url)
    return f"sqlite:///{folder}/a.db", SqliteDb(db_url=f"sqlite:///{folder}/a.db")


@pytest.fixture(scope="module")
def mongo() -> Iterator[str]:
    with MongoServer.start() as server:
        yield server.url


@pytest.mark.parametrize("family", ["sqlite", "json", "postgres", "mongo"])
def test_check_and_sweep(tmp_path: Path, request: pytest.FixtureRequest, family: str) -> None:
    url, db = database(family, request, tmp_path)
    folder = f"file://{tmp_path}/media"
    media = ObjectStorage(folder)
    agent = Agent(model=OfflineModel(), db=db, media_storage=media, store_media=True, telemetry=False)
    for number in range(4):
        agent.run("look", session_id=f"s{number}", images=[Image(content=b"picture %d" % number)])
    given = ("--media", folder, "--url", url, "--older-than", "0")
    code, found = run("check", *given)
    assert (code, found["objects"], found["references"]) == (0, 4, 4)

    keys = [db.get_session(f"s{n}", "agent").runs[0].input.images[0].media_reference.storage_key for n in range(4)]
    db.delete_session("s0")  # a database without media=
    expected = damaged(media.media, keys)
    code, found = run("check", *given)
    assert code == 1
    assert {name: found[name] for name in expected} == expected
    code, found = run("sweep", *given)
    assert code == 0
    assert {name: found[name] for name in expected} == expected
    assert not run("check", "--media", folder, "--url", url)[1]["unreferenced"]  # younger than an hour
    run("sweep", *given, "--delete")
    code, found = run("check", *given)
    assert {name: found[name] for name in expected} == {**{name: [] for name in expected}, "missing": [keys[1]]}
    assert found["objects"] == 2
    assert media.exists(keys[2])
    assert media.download(keys[3]) == b"picture 3"
    assert not media.exists(keys[0])
    db.close()


def damaged(media: MediaObjects, keys: list[str]) -> dict[str, list[str]]:
    """Damage what `keys` name in each way that a check tells of; what it is to tell. The first has lost its run."""

    async def damage(objects: ObjectStore) -> None:
        await objects.delete([f"{OBJECTS}/{keys[1].partition('/')[0]}"])
        await objects.delete([f"{MARKERS}/{keys[2]}"])
        await objects.put(f"{OBJECTS}/{'f' * 64}", b"nobody's")
        await objects.put(f"{REMOVALS}/{'e' * 64}/{'0' * 32}", b"")

    drive(damage(media.objects))
    return {
        "unreferenced": [keys[0]], "missing": [keys[1]], "unheld": [keys[2]], "unmarked": ["f" * 64],
        "interrupted": [f"{REMOVALS}/{'e' * 64}/{'0' * 32}"],
    }  # fmt: skip


def as_options(place: dict[str, Any]) -> list[str]:
    given = {name: value for name, value in place.items() if name not in ("url", "client_options")}
    given |= place.get("client_options", {}) and {"allow_http": "true"}
    return [
        "--media",
        place["url"],
        *(word for name, value in given.items() for word in ("--option", f"{name}={value}")),
    ]


def test_every_kind_of_store_is_checked_and_swept(
    place: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = ObjectStorage(**place)
    if place["url"] == "memory://":  # which is a store of its own in each object
        monkeypatch.setattr(cli_media, "_opened", lambda *_: media.media)
    url = f"sqlite:///{tmp_path}/a.db"
    with SqliteDb(db_url=url) as db:
        agent = Agent(model=OfflineModel(), db=db, media_storage=media, store_media=True, telemetry=False)
        for number in range(4):
            agent.run("look", session_id=f"s{number}", images=[Image(content=b"picture %d" % number)])
        keys = [db.get_session(f"s{n}", "agent").runs[0].input.images[0].media_reference.storage_key for n in range(4)]
        db.delete_session("s0")  # a database without media=
        expected = damaged(media.media, keys)
    given = (*as_options(place), "--url", url, "--older-than", "0")
    for command, expected_code in (("check", 1), ("sweep", 0)):
        code, found = run(command, *given)
        assert (code, {name: found[name] for name in expected}) == (expected_code, expected)
    assert run("sweep", *given, "--delete")[0] == 0
    found = run("check", *given)[1]
    assert {name: found[name] for name in expected} == {**{name: [] for name in expected}, "missing": [keys[1]]}
    assert (found["objects"], media.exists(keys[0]), media.exists(keys[2])) == (2, False, True)
    assert media.download(keys[3]) == b"picture 3"


def test_a_sweep_of_another_database_deletes_nothing(tmp_path: Path) -> None:
    folder, url = f"file://{tmp_path}/media", f"sqlite:///{tmp_path}/another.db"
    media = ObjectStorage(folder)
    key = media.upload("m", b"needed elsewhere")
    with SqliteDb(db_url=url) as db:
        db.create_tables()
    sweep = ["media", "sweep", "--media", folder, "--url", url, "--older-than", "0", "--delete"]
    refused = CliRunner().invoke(app, sweep)
    assert refused.exit_code == 2
    assert "is it the right one" in refused.output
    assert media.exists(key)
    assert CliRunner().invoke(app, [*sweep, "--everything"]).exit_code == 0
    assert not media.exists(key)


def test_no_store() -> None:
    result = CliRunner().invoke(app, ["media", "check", "--media", "ftp://x", "--url", "sqlite:///x.db"])
    assert result.exit_code == 2
    assert "s3://bucket/prefix" in result.output
