"""What every database promises of learnings that could not be read: nobody overwrites them as if they were absent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from agnodb.databases import hidden_reads
from agnodb.errors import AgnoDbError, StaleVersionError
from agnodb.testing.conformance.learnings import a_learning
from agnodb.testing.conformance.write_failures import failing

PROFILE = {"learning_type": "user_profile", "user_id": "alice"}
ENTITY = {"learning_type": "entity_memory", "namespace": "global", "entity_id": "acme"}


async def _unread(db: Any, read: Callable[[], Awaitable[Any]]) -> None:
    """`read` fails, and whoever asked goes on as agno does."""
    with failing(db) as failure, failure.statement(), pytest.raises(AgnoDbError):
        await read()


async def _save(db: Any, learning_id: str = "l", **columns: Any) -> None:
    """What somebody saves who knows nothing of the stored one."""
    await db.upsert_learning(learning_id, content={"name": "Fresh"}, **{**PROFILE, **columns})


class HiddenReadConformance:
    """Learnings whose read has failed."""

    async def test_what_could_not_be_read_is_not_overwritten(self, db: Any) -> None:
        before = await db.learnings.upsert(a_learning())
        await _unread(db, lambda: db.get_learning(**PROFILE))
        for _ in range(2):
            with pytest.raises(StaleVersionError, match="could not be read"):
                await _save(db, agent_id="another")
        with pytest.raises(StaleVersionError):
            await db.update_learning("l", {})
        assert await db.learnings.get("l") == before
        assert await db.get_learning(**PROFILE) == {"content": before.content}
        await _save(db)
        assert (await db.learnings.get("l")).content == {"name": "Fresh"}

    async def test_what_is_not_there_can_be_saved_all_the_same(self, db: Any) -> None:
        await db.learnings.upsert(a_learning("bobs", user_id="bob"))
        await _unread(db, lambda: db.get_learning(**PROFILE))
        await _save(db)
        await _save(db)  # it knows this one: it wrote it
        await _save(db, "bobs", user_id="bob")
        assert (await db.learnings.get("bobs")).content == {"name": "Fresh"}

    @pytest.mark.parametrize(
        ("read", "learning"),
        [
            (lambda db: db.get_learnings(**ENTITY), a_learning(user_id=None, entity_type="company", **ENTITY)),
            (lambda db: db.get_learnings("user_profile"), a_learning()),
            (lambda db: db.get_learning_by_id("l"), a_learning()),
        ],
        ids=["by entity", "by type", "by id"],
    )
    async def test_every_lookup_that_failed_counts(self, db: Any, read: Any, learning: Any) -> None:
        before = await db.learnings.upsert(learning)
        await _unread(db, lambda: read(db))
        with pytest.raises(StaleVersionError):
            await _save(db, learning_type=before.learning_type, user_id=before.user_id)
        assert await db.learnings.get("l") == before
        await read(db)
        await _save(db, learning_type=before.learning_type, user_id=before.user_id)

    async def test_whoever_has_found_it_otherwise_knows_it(self, db: Any) -> None:
        await db.learnings.upsert(a_learning())
        for method, given in (("get_learning_by_id", {"id": "l"}), ("get_learnings", {})):
            await _unread(db, lambda: db.get_learning(**PROFILE))
            await getattr(db, method)(**given)
            await _save(db)

    async def test_a_page_or_a_search_is_no_lookup(self, db: Any) -> None:
        """What is not in it may be there, and what is may not have been looked at."""
        await db.learnings.upsert(a_learning())
        reads = [
            lambda: db.get_learnings(limit=10),
            lambda: db.search_learnings("name"),
            lambda: db.list_learnings(),
        ]
        for read in reads:
            await _unread(db, read)
        await _save(db)
        await _unread(db, lambda: db.get_learning(**PROFILE))
        for read in reads:
            await read()
        with pytest.raises(StaleVersionError):
            await _save(db)

    async def test_every_flow_knows_what_it_has_read(self, db: Any) -> None:
        """A task that did read it may save it; one that did not, or was started by one, may not."""
        before = await db.learnings.upsert(a_learning())
        failed, done = asyncio.Event(), asyncio.Event()

        async def unlucky() -> None:
            await _unread(db, lambda: db.get_learning(**PROFILE))
            failed.set()
            await done.wait()
            with pytest.raises(StaleVersionError):
                await asyncio.create_task(_save(db))

        task = asyncio.create_task(unlucky())
        await failed.wait()
        assert await db.get_learning(**PROFILE) == {"content": before.content}
        await db.upsert_learning("l", content={"name": "Seen"}, **PROFILE)
        done.set()
        await task
        assert (await db.learnings.get("l")).content == {"name": "Seen"}

    async def test_a_failed_read_is_forgotten_in_the_end(self, db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        await db.learnings.upsert(a_learning())
        monkeypatch.setattr(hidden_reads, "KEPT_SECONDS", 0.0)
        await _unread(db, lambda: db.get_learning(**PROFILE))
        await _save(db)
        monkeypatch.undo()
        monkeypatch.setattr(hidden_reads, "MOST", 2)
        for name in ("alice", "bob", "carol"):
            await _unread(db, partial(db.get_learning, "user_profile", user_id=name))
        await _save(db)
        await db.learnings.upsert(a_learning("carols", user_id="carol"))
        with pytest.raises(StaleVersionError):
            await _save(db, "carols", user_id="carol")
