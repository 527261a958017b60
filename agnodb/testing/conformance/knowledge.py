"""What every backend promises of knowledge contents."""

from __future__ import annotations

from typing import Any

import pytest

from agnodb.errors import OwnershipError
from agnodb.filters import Page
from agnodb.records.knowledge import KnowledgeRecord
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES


def a_content(id: str = "k", **fields: Any) -> KnowledgeRecord:
    """A content of alice unless `fields` say otherwise."""
    given = {"name": "n", "description": "d", "user_id": "alice", "created_at": 1, **fields}
    return KnowledgeRecord(id=id, **given)


class KnowledgeConformance:
    """Knowledge contents."""

    async def test_a_content_comes_back_as_it_was_saved(self, db: Any) -> None:
        saved = a_content(
            metadata={"m": 1},
            type="pdf",
            size=2**40,
            linked_to="kb",
            access_count=3,
            status="completed",
            status_message="ok",
            updated_at=2,
            external_id="e",
        )
        await db.knowledge.upsert(saved)
        assert await db.knowledge.get("k") == saved

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        for value in ODD_VALUES:
            await db.knowledge.upsert(a_content(metadata={"v": value}))
            assert (await db.knowledge.get("k")).metadata == {"v": value}
        for text in ODD_TEXT:
            await db.knowledge.upsert(a_content(name=text, description=text, status_message=text))
            read = await db.knowledge.get("k")
            assert (read.name, read.description, read.status_message) == (text, text, text)

    async def test_what_is_none_keeps_what_is_stored(self, db: Any) -> None:
        await db.knowledge.upsert(a_content(metadata={"m": 1}, status="processing", created_at=5))
        await db.knowledge.upsert(a_content(name="new", user_id=None, status="completed", created_at=9))
        read = await db.knowledge.get("k")
        assert (read.name, read.metadata, read.status, read.user_id) == ("new", {"m": 1}, "completed", "alice")
        assert read.created_at == 5

    async def test_absence(self, db: Any) -> None:
        assert await db.knowledge.get("k") is None
        assert await db.knowledge.page(Page()) == ([], 0)
        assert not await db.knowledge.delete("k")

    async def test_a_users_content_is_never_changed_by_another(self, db: Any) -> None:
        await db.knowledge.upsert(a_content())
        before = await db.knowledge.get("k")
        with pytest.raises(OwnershipError):
            await db.knowledge.upsert(a_content(name="pwned", user_id="bob"))
        assert not await db.knowledge.delete("k", user_id="bob")
        assert await db.knowledge.get("k") == before

    async def test_a_shared_content_is_read_by_all_and_changed_by_no_user(self, db: Any) -> None:
        await db.knowledge.upsert(a_content("shared", user_id=None))
        await db.knowledge.upsert(a_content("hers"))
        assert (await db.knowledge.get("shared", user_id="bob")).id == "shared"
        assert await db.knowledge.get("hers", user_id="bob") is None
        assert [row.id for row in (await db.knowledge.page(Page(), user_id="bob"))[0]] == ["shared"]
        assert (await db.knowledge.page(Page(), user_id="alice"))[1] == 2
        with pytest.raises(OwnershipError):
            await db.knowledge.upsert(a_content("shared", user_id="bob"))

    async def test_filters_and_pages(self, db: Any) -> None:
        for number in range(5):
            await db.knowledge.upsert(a_content(f"k{number}", linked_to="a" if number else "b", created_at=number))
        rows, total = await db.knowledge.page(Page(2, 2, "created_at", "asc"), linked_to="a")
        assert ([row.id for row in rows], total) == (["k3", "k4"], 4)
        assert await db.knowledge.delete("k3", user_id="alice")
        assert (await db.knowledge.page(Page(), linked_to="a"))[1] == 3
