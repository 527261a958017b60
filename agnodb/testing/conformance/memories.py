"""What every backend promises of memories."""

from __future__ import annotations

from typing import Any

import pytest

from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page
from agnodb.records.memories import MemoryRecord
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES
from agnodb.testing.families import injection_of


def a_memory(memory_id: str = "m", **fields: Any) -> MemoryRecord:
    """A memory of alice unless `fields` say otherwise."""
    return MemoryRecord(memory_id=memory_id, **{"memory": "likes tea", "user_id": "alice", "created_at": 10, **fields})


class MemoryConformance:
    """Memories."""

    async def test_a_memory_comes_back_as_it_was_saved(self, db: Any) -> None:
        saved = a_memory(topics=["food"], input="i", feedback="f", agent_id="a", team_id="t", updated_at=20)
        assert await db.memories.upsert(saved) == saved == await db.memories.get("m")
        changed = await db.memories.upsert(a_memory(memory="likes coffee", created_at=99))
        assert (changed.memory, changed.topics, changed.created_at) == ("likes coffee", None, 10)
        assert changed.updated_at > 20

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        for number, value in enumerate(ODD_VALUES):
            await db.memories.upsert(a_memory(f"m{number}", memory=value, topics=[value]))
            read = await db.memories.get(f"m{number}")
            assert (read.memory, read.topics) == (value, [value])
        for text in ODD_TEXT:
            await db.memories.upsert(a_memory(input=text, feedback=text))
            read = await db.memories.get("m")
            assert (read.input, read.feedback) == (text, text)

    async def test_absence(self, db: Any) -> None:
        assert await db.memories.get("m") is None
        assert await db.memories.page(Page()) == ([], 0)
        assert await db.memories.topics() == []
        assert await db.memories.users(Page()) == ([], 0)
        assert not await db.memories.delete("m")
        assert await db.memories.delete_many(["m"]) == 0

    async def test_another_users_memory_is_never_changed(self, db: Any) -> None:
        before = await db.memories.upsert(a_memory())
        with pytest.raises(OwnershipError):
            await db.memories.upsert(a_memory(memory="pwned", user_id="bob"))
        assert not await db.memories.delete("m", user_id="bob")
        assert await db.memories.delete_many(["m"], user_id="bob") == 0
        assert await db.memories.get("m", user_id="bob") is None
        assert await db.memories.get("m") == before

    async def test_owners_are_claimed_once_and_never_cleared(self, db: Any) -> None:
        await db.memories.upsert(a_memory(user_id=None))
        assert (await db.memories.upsert(a_memory(user_id="bob"))).user_id == "bob"
        assert (await db.memories.upsert(a_memory(user_id=None))).user_id == "bob"

    async def test_filters_and_pages(self, db: Any) -> None:
        for number in range(5):
            await db.memories.upsert(a_memory(f"m{number}", agent_id="a" if number % 2 else "b", created_at=number))
        await db.memories.upsert(a_memory("other", user_id="bob", team_id="t"))
        rows, total = await db.memories.page(Page(2, 2, "created_at", "asc"), user_id="alice")
        assert ([row.memory_id for row in rows], total) == (["m2", "m3"], 5)
        assert [row.memory_id for row in (await db.memories.page(Page(), team_id="t"))[0]] == ["other"]
        assert (await db.memories.page(Page(), agent_id="a"))[1] == 2
        assert await db.memories.page(Page(3, 9), user_id="alice") == ([], 5)
        with pytest.raises(InvalidValueError):
            await db.memories.page(Page(sort_by="memories"))

    async def test_topics_are_whole_words_and_all_of_them(self, db: Any) -> None:
        await db.memories.upsert(a_memory("m1", topics=["food", "100%", 'a"b']))
        await db.memories.upsert(a_memory("m2", topics=["food", "travel"], user_id="bob"))
        await db.memories.upsert(a_memory("m3", topics="food"))
        await db.memories.upsert(a_memory("m4", topics=None))

        async def ids(*topics: str) -> list[str]:
            return [row.memory_id for row in (await db.memories.page(Page(), topics=topics))[0]]

        assert await ids("food") == ["m1", "m2"]
        assert await ids("food", "travel") == ["m2"]
        assert (await ids("100%"), await ids("100"), await ids('a"b'), await ids("oo")) == (["m1"], [], ["m1"], [])
        assert sorted(await db.memories.topics()) == sorted(["100%", 'a"b', "food", "travel"])
        assert sorted(await db.memories.topics(user_id="bob")) == ["food", "travel"]

    async def test_a_long_text_whose_answer_was_lost_is_stored_whole(self, db: Any) -> None:
        injection = injection_of(db)
        lost = [fault for fault in injection.faults if fault.name == "lost during"]  # SQLite has no way to lose one
        with injection:
            for at in range(3):
                await db.memories.upsert(a_memory(f"m{at}"))
                text = f"{at} " + "z" * 1_200_000
                injection.arm(lost[0] if lost else None, at)
                await db.memories.upsert(a_memory(f"m{at}", memory=text))
                injection.arm()
                assert (await db.memories.get(f"m{at}")).memory == text

    async def test_a_search_is_a_literal_substring_in_any_case(self, db: Any) -> None:
        texts = ["100% sure", "100_0", 'said "hi"', "back\\slash"]
        for text in texts:
            await db.memories.upsert(a_memory(text, memory=text))
        for search, expected in (("0%", texts[0]), ("0_", texts[1]), ('"HI"', texts[2]), ("k\\s", texts[3])):
            assert [row.memory for row in (await db.memories.page(Page(), search=search))[0]] == [expected]

    async def test_users_are_counted_and_the_latest_comes_first(self, db: Any) -> None:
        for number, user_id in enumerate(["alice", "bob", "alice", None]):
            await db.memories.upsert(a_memory(f"m{number}", user_id=user_id, updated_at=number))
        users, total = await db.memories.users(Page())
        assert [(u.user_id, u.total_memories, u.last_memory_updated_at) for u in users] == [
            ("alice", 2, 2),
            ("bob", 1, 1),
        ]
        assert total == 2
        assert ([u.user_id for u in (await db.memories.users(Page(1, 2)))[0]]) == ["bob"]
        assert await db.memories.users(Page(1, 9)) == ([], 2)
        assert (await db.memories.users(Page(), user_id="bob"))[1] == 1

    async def test_clearing_deletes_all(self, db: Any) -> None:
        await db.memories.upsert(a_memory())
        await db.memories.clear()
        assert await db.memories.page(Page()) == ([], 0)
