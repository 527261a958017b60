"""What every database promises of media: with `media=`, they go with the last run that refers to them."""

from __future__ import annotations

from typing import Any

import pytest

from agnodb.databases.media import watched
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.rules.media import MARKERS, OBJECTS, REMOVALS
from agnodb.testing.families import core_of


def _given_media(db: Any) -> Any:
    """An empty object store, which `db` has as `media` from now on."""
    pytest.importorskip("obstore")
    from agnodb.media import AsyncObjectStorage

    media, core = AsyncObjectStorage("memory://"), core_of(db)
    core._media = media.awaiting() if core is db else media.blocking()
    core.repositories = watched(core.repositories, core._media)
    return media


async def _left(media: Any) -> int:
    """How much is in the object store."""
    return sum([len(await media.awaiting().objects.all_in(folder)) for folder in (OBJECTS, MARKERS, REMOVALS)])


async def _save(db: Any, media: Any, session_id: str, run_id: str, key: str | None = None) -> str:
    """Save a run with a picture, which is uploaded unless `key` says where it is; its key."""
    found: str = key or await media.upload("m", b"the same picture")
    place = {"storage_backend": media.backend_name, "bucket": media.bucket}
    picture = {"id": "m", "media_reference": {"storage_key": found, "session_id": session_id, **place}}
    document = {"messages": [{"role": "user", "images": [picture]}], "member_responses": [{"images": [picture]}]}
    await db.sessions.upsert(SessionRecord(session_id=session_id, session_type="agent", user_id="u"))
    run = RunRecord(run_id=run_id, session_id=session_id, run_type="agent", user_id="u", run_data=document)
    await db.runs.upsert(run)
    return found


class MediaConformance:
    """A database that is told where the media are."""

    async def test_media_go_with_the_last_run_that_refers_to_them(self, db: Any) -> None:
        media = _given_media(db)
        first = await _save(db, media, "one", "a")
        await _save(db, media, "one", "b", first)
        second = await _save(db, media, "two", "c")
        assert await _left(media) == 3  # the picture, and a marker for each upload
        assert await db.delete_run("a")
        assert await media.exists(first)
        await db.delete_runs(["b", "nothing"])
        assert not await media.exists(first)
        assert await media.download(second) == b"the same picture"
        assert await db.delete_session("two")
        assert await _left(media) == 0

    async def test_what_is_not_deleted_keeps_its_media(self, db: Any) -> None:
        media = _given_media(db)
        key = await _save(db, media, "one", "a")
        assert not await db.delete_session("one", user_id="another")
        with pytest.raises(KeyError):
            async with db.transaction() as tx:
                await tx.delete_session("one")
                raise KeyError
        assert await media.exists(key)
        async with db.transaction() as tx:
            await tx.delete_sessions(["one", "nothing"])
            assert await media.exists(key)
        assert await _left(media) == 0
