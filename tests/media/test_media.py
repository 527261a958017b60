"""Media of agents in object stores: they come back equal, are stored once, and go with the last run that needs them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from agno.agent import Agent
from agno.media import Audio, File, Image
from agno.run.agent import RunOutput

from agnodb import AsyncInMemoryDb, AsyncJsonDb, AsyncSqliteDb, ConfigurationError, SqliteDb, UnavailableError
from agnodb.demo.model import OfflineModel
from agnodb.executors.media import MediaObjects
from agnodb.media import AsyncObjectStorage, ObjectStorage
from agnodb.rules.media import MARKERS, OBJECTS, REMOVALS, key_of

PICTURE, SOUND, TEXT = b"\x89PNG" + bytes(range(256)) * 40, b"RIFF" + b"\0\xff" * 5000, "Zebras é".encode() * 300


async def paths(media: MediaObjects) -> list[str]:
    """All that is in the store."""
    awaited = media.awaiting().objects
    return [one.path for folder in (OBJECTS, MARKERS, REMOVALS) for one in await awaited.all_in(folder)]


def agent_of(db: Any, media: Any) -> Agent:
    return Agent(
        model=OfflineModel(), db=db, media_storage=media, store_media=True, telemetry=False, add_history_to_context=True
    )


def given(turn: int) -> dict[str, Any]:
    return {
        "images": [Image(id=f"picture{turn}", content=PICTURE, mime_type="image/png")],
        "audio": [Audio(id=f"sound{turn}", content=SOUND + bytes([turn]), mime_type="audio/wav")],
        "files": [File(id=f"text{turn}", content=TEXT, mime_type="text/plain", filename="zebras.txt")],
    }


def stored(run: RunOutput, storage: Any) -> dict[str, bytes]:
    """kind and id -> the bytes that the run's references lead to."""
    assert run.input is not None
    return {
        one.id: storage.download(one.media_reference.storage_key)
        for kept in (run.input.images, run.input.audios, run.input.files)
        for one in kept or ()
    }


async def test_three_turns_come_back_and_go_with_their_session(place: dict[str, Any], tmp_path: Path) -> None:
    media = AsyncObjectStorage(**place)
    async with AsyncSqliteDb(db_file=str(tmp_path / "a.db"), media=media) as db:
        agent = agent_of(db, media)
        for session in ("one", "two"):
            for turn in range(3):
                await agent.arun(f"turn {turn}", session_id=session, user_id="u", **given(turn))
        for session in ("one", "two"):
            runs = (await db.get_session(session, "agent")).runs
            assert len(runs) == 3
            for turn, run in enumerate(runs):
                for kept, content in (
                    (run.input.images[0], PICTURE), (run.input.audios[0], SOUND + bytes([turn])),
                    (run.input.files[0], TEXT),
                ):  # fmt: skip
                    assert kept.content is None
                    assert await media.download(kept.media_reference.storage_key) == content
        objects = await media.awaiting().objects.all_in(OBJECTS)
        assert len(objects) == 1 + 3 + 1  # one picture, three sounds, one text
        assert await db.delete_session("one")
        assert len(await media.awaiting().objects.all_in(OBJECTS)) == 5
        await db.delete_sessions(["two", "nothing"])
        assert await paths(media.media) == []


def test_without_an_event_loop(place: dict[str, Any], tmp_path: Path) -> None:
    media = ObjectStorage(**place)
    with SqliteDb(db_file=str(tmp_path / "b.db"), media=media) as db:
        agent = agent_of(db, media)
        for turn in range(3):
            agent.run(f"turn {turn}", session_id="one", **given(turn))
        runs = db.get_session("one", "agent").runs
        for turn, run in enumerate(runs):
            expected = {f"picture{turn}": PICTURE, f"sound{turn}": SOUND + bytes([turn]), f"text{turn}": TEXT}
            assert stored(run, media) == expected
        assert db.delete_run(runs[0].run_id)
        assert stored(runs[1], media)["picture1"] == PICTURE
        db.delete_runs([runs[1].run_id])
        with db.transaction() as tx:
            tx.delete_session("one")
        assert asyncio.run(paths(media.media)) == []


@pytest.mark.parametrize("make", [lambda _p: AsyncInMemoryDb, lambda p: lambda **g: AsyncJsonDb(db_path=p, **g)])
async def test_every_family_gives_up_what_nothing_refers_to(make: Any, tmp_path: Path) -> None:
    media = AsyncObjectStorage("memory://")
    async with make(str(tmp_path / "json"))(media=media) as db:
        agent = agent_of(db, media)
        for session in ("one", "two"):
            await agent.arun("look", session_id=session, **given(0))
        await db.delete_session("one")
        assert len(await media.media.objects.all_in(OBJECTS)) == 3
        await db.delete_session("two")
        assert await paths(media.media) == []


async def test_a_delete_that_is_undone_gives_up_nothing(tmp_path: Path) -> None:
    media = AsyncObjectStorage("memory://")
    async with AsyncSqliteDb(db_file=str(tmp_path / "c.db"), media=media) as db:
        await agent_of(db, media).arun("look", session_id="one", user_id="u", **given(0))
        before = await paths(media.media)
        with pytest.raises(RuntimeError):
            async with db.transaction() as tx:
                await tx.delete_session("one")
                raise RuntimeError
        async with db.transaction() as tx:
            with pytest.raises(RuntimeError):
                async with tx.savepoint() as part:
                    await part.delete_session("one")
                    raise RuntimeError
        assert not await db.delete_session("one", user_id="another")
        assert await paths(media.media) == before
        async with db.transaction() as tx:
            await tx.delete_session("one")
            assert await paths(media.media) == before
        assert await paths(media.media) == []


async def test_a_reference_that_two_runs_share(place: dict[str, Any], tmp_path: Path) -> None:
    media = AsyncObjectStorage(**place)
    async with AsyncSqliteDb(db_file=str(tmp_path / "d.db"), media=media) as db:
        agent = agent_of(db, media)
        first = await agent.arun("look", session_id="one", **given(0))
        run = await db.runs.get(first.run_id or "")
        assert run is not None
        await db.append_run_to_session_if_absent("one", {**run.run_data, "run_id": "copy"})
        await db.delete_run(first.run_id or "")
        assert len(await media.media.objects.all_in(OBJECTS)) == 3
        (copy,) = (await db.get_session("one", "agent")).runs
        key = copy.input.images[0].media_reference.storage_key
        assert await media.download(key) == PICTURE
        await db.delete_run("copy")
        assert await paths(media.media) == []


async def test_agnos_own_deleting_leaves_what_others_share(tmp_path: Path) -> None:
    media = AsyncObjectStorage("memory://")
    async with AsyncSqliteDb(db_file=str(tmp_path / "e.db")) as db:
        agent = agent_of(db, media)
        for session in ("one", "two"):
            await agent.arun("look", session_id=session, **given(0))
        await agent.adelete_session("one", delete_media=True)
        (run,) = (await db.get_session("two", "agent")).runs
        assert await media.download(run.input.images[0].media_reference.storage_key) == PICTURE
        await agent.adelete_session("two", delete_media=True)
        assert await paths(media.media) == []


async def test_uploads_and_deletes_at_once_lose_nothing(place: dict[str, Any]) -> None:
    media = AsyncObjectStorage(**place)

    async def one(number: int) -> str:
        key = await media.upload(f"m{number}", PICTURE)
        if number % 2:
            assert await media.delete(key)
        return key

    for _round in range(4):
        keys = await asyncio.gather(*(one(number) for number in range(8)))
        for number, key in enumerate(keys):
            assert await media.exists(key) == (number % 2 == 0)
            if number % 2 == 0:
                assert await media.download(key) == PICTURE
        await media.delete_many([key for number, key in enumerate(keys) if number % 2 == 0])
        assert await paths(media.media) == []


async def test_an_upload_during_a_removal_has_its_own_object() -> None:
    media = AsyncObjectStorage("memory://")
    key = await media.upload("a", PICTURE)
    name = key.partition("/")[0]
    await media.media.objects.put(f"{REMOVALS}/{name}/{'0' * 32}", b"")
    other = await media.upload("b", PICTURE)
    assert other.partition("/")[0] != name
    await media.delete(key)
    assert not await media.exists(key)
    assert await media.download(other) == PICTURE
    assert key_of(other) is not None


async def test_keys_of_others_are_not_there(place: dict[str, Any]) -> None:
    media = AsyncObjectStorage(**place)
    for key in ("../../etc/passwd", "agno/media/x.png", "", f"{'a' * 64}/{'b' * 32}"):
        assert not await media.exists(key)
        with pytest.raises(FileNotFoundError):
            await media.download(key)
        assert await media.delete(key)


@pytest.mark.parametrize("kind", ["s3", "gs"])
async def test_a_signed_url_gives_the_bytes(request: pytest.FixtureRequest, kind: str) -> None:
    server = request.getfixturevalue(kind)
    server.make_bucket("signed")
    media = AsyncObjectStorage(f"{kind}://signed", **server.options)
    key = await media.upload("a", PICTURE, mime_type="image/png")
    url = await media.get_url(key, expires_in=60)
    assert url is not None
    with await asyncio.to_thread(urllib.request.urlopen, url) as answer:
        assert answer.read() == PICTURE
        assert answer.headers["Content-Type"] == "image/png"
    assert await AsyncObjectStorage("memory://").get_url(key) is None


async def test_a_store_that_does_not_answer(tmp_path: Path) -> None:
    nowhere = {"endpoint": "http://127.0.0.1:9", "client_options": {"allow_http": True}, "region": "us-east-1"}
    keys = {"access_key_id": "a", "secret_access_key": "b", "retry_config": {"max_retries": 0}}
    media = AsyncObjectStorage("s3://b", **nowhere, **keys)
    with pytest.raises(UnavailableError) as failed:
        await media.upload("a", PICTURE)
    assert "127.0.0.1" not in str(failed.value)
    async with AsyncSqliteDb(db_file=str(tmp_path / "f.db"), media=media) as db:
        agent = agent_of(db, media)
        await agent.arun("look", session_id="one", **given(0))  # agno keeps the bytes in the run then
        assert await db.delete_session("one")


_FORKED = """
import os, sys
from agnodb.errors import ConfigurationError
from agnodb.media import ObjectStorage

media = ObjectStorage("file://" + sys.argv[1])
if sys.argv[2] == "used":
    media.upload("a", b"before")
child = os.fork()
if child == 0:
    try:
        media.upload("a", b"after")
    except ConfigurationError:
        os._exit(3)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize(("used", "expected"), [("used", 3), ("only made", 0)])
def test_after_a_fork(tmp_path: Path, used: str, expected: int) -> None:
    done = subprocess.run([sys.executable, "-c", _FORKED, str(tmp_path), used], timeout=60, check=False)
    assert done.returncode == expected


def test_arguments_that_cannot_be() -> None:
    for wrong in ("http://host/x", "s3://", "/folder", "nothing"):
        with pytest.raises(ConfigurationError):
            ObjectStorage(wrong)
    with pytest.raises(ConfigurationError):
        ObjectStorage("memory://", expires_in=0)
    with pytest.raises(ConfigurationError):
        AsyncInMemoryDb(media="s3://bucket")  # type: ignore[arg-type]
