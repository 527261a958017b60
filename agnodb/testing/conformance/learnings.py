"""What every backend promises of learnings."""

from __future__ import annotations

import asyncio
import re
from random import Random
from typing import Any

import pytest

from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page
from agnodb.records.learnings import LearningRecord
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES


def a_learning(learning_id: str = "l", **fields: Any) -> LearningRecord:
    """A profile of alice unless `fields` say otherwise."""
    given = {"learning_type": "user_profile", "content": {"name": "A"}, "user_id": "alice", "created_at": 10, **fields}
    return LearningRecord(learning_id=learning_id, **given)


async def _searched(db: Any, query: str, **filters: Any) -> list[str]:
    return sorted(learning["learning_id"] for learning in await db.search_learnings(query, **filters))


class LearningConformance:
    """Learnings."""

    async def test_a_learning_comes_back_as_it_was_saved(self, db: Any) -> None:
        saved = a_learning(
            namespace="n",
            agent_id="a",
            team_id="t",
            workflow_id="w",
            session_id="s",
            entity_id="e",
            entity_type="person",
            metadata={"m": 1},
            updated_at=20,
        )
        assert await db.learnings.upsert(saved) == saved == await db.learnings.get("l")

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        for number, value in enumerate(ODD_VALUES):
            await db.upsert_learning(f"l{number}", "t", {"v": value}, metadata={"v": [value]})
            read = await db.get_learning_by_id(f"l{number}")
            assert (read["content"], read["metadata"]) == ({"v": value}, {"v": [value]})

    async def test_ids_are_any_text(self, db: Any) -> None:
        for text in ODD_TEXT:
            await db.upsert_learning(text, text, {}, user_id=text, entity_id=text)
            assert [row["learning_id"] for row in await db.get_learnings(text, user_id=text, entity_id=text)] == [text]

    async def test_absence(self, db: Any) -> None:
        assert await db.get_learning("user_profile", user_id="alice") is None
        assert await db.get_learning_by_id("l") is None
        assert await db.get_learnings() == []
        assert await db.search_learnings("name") == []
        assert await db.list_learnings() == ([], 0)
        assert await db.get_learnings_user_stats() == ([], 0)
        assert await db.delete_learning("l") is False
        assert await db.update_learning("l", {}) is False
        assert await db.get_learning_by_id("l") is None
        assert await db.delete_user_learnings("alice") == 0

    async def test_a_second_upsert_changes_content_and_metadata_only(self, db: Any) -> None:
        await db.learnings.upsert(a_learning(agent_id="a", metadata={"m": 1}, updated_at=20))
        assert await db.upsert_learning("l", "other", {"name": "B"}, user_id="alice", agent_id="b") is None
        read = await db.learnings.get("l")
        assert (read.content, read.metadata) == ({"name": "B"}, None)
        assert (read.learning_type, read.agent_id, read.created_at) == ("user_profile", "a", 10)
        assert read.updated_at > 20

    async def test_an_update_changes_content_and_metadata_only(self, db: Any) -> None:
        await db.learnings.upsert(a_learning(agent_id="a", updated_at=20))
        assert await db.update_learning("l", {"name": "B"}, {"m": 2}) is True
        read = await db.learnings.get("l")
        assert (read.content, read.metadata, read.agent_id, read.user_id) == ({"name": "B"}, {"m": 2}, "a", "alice")
        assert read.updated_at > 20
        assert await db.delete_learning("l") is True
        assert await db.update_learning("l", {}) is False

    # -- owners -----------------------------------------------------------------------------------------------

    async def test_another_users_learning_is_never_changed(self, db: Any) -> None:
        before = await db.learnings.upsert(a_learning())
        with pytest.raises(OwnershipError):
            await db.upsert_learning("l", "user_profile", {"stolen": 1}, user_id="bob")
        assert await db.delete_user_learnings("bob") == 0
        assert await db.learnings.get("l") == before
        assert await db.get_learning("user_profile", user_id="bob") is None

    async def test_nobody_clears_an_owner(self, db: Any) -> None:
        await db.learnings.upsert(a_learning())
        stored = await db.learnings.upsert(a_learning(user_id=None, content={"n": 2}))
        assert (stored.user_id, stored.content) == ("alice", {"n": 2})

    async def test_the_first_user_claims_a_learning_without_an_owner(self, db: Any) -> None:
        await db.learnings.upsert(a_learning(user_id=None))
        claims = await asyncio.gather(
            *(db.learnings.upsert(a_learning(user_id=user)) for user in ("bob", "carol")), return_exceptions=True
        )
        assert sorted(type(claim).__name__ for claim in claims) == ["LearningRecord", "OwnershipError"]

    async def test_a_users_learnings_are_deleted_and_no_others(self, db: Any) -> None:
        await db.learnings.upsert(a_learning("a"))
        await db.learnings.upsert(a_learning("b", learning_type="user_memory"))
        await db.learnings.upsert(a_learning("c", user_id="bob"))
        await db.learnings.upsert(a_learning("d", user_id=None))
        assert await db.delete_user_learnings(None) == 0
        assert await db.delete_user_learnings("alice", learning_type="user_memory") == 1
        assert await db.delete_user_learnings("alice") == 1
        assert [row["learning_id"] for row in (await db.list_learnings(sort_by="learning_id"))[0]] == ["d", "c"]

    # -- lists ------------------------------------------------------------------------------------------------

    async def test_the_last_changed_is_the_one_that_is_got(self, db: Any) -> None:
        for learning_id, updated_at in (("a", 30), ("b", 50), ("c", 40)):
            await db.learnings.upsert(a_learning(learning_id, content={"id": learning_id}, updated_at=updated_at))
        assert await db.get_learning("user_profile") == {"content": {"id": "b"}}
        assert [row["learning_id"] for row in await db.get_learnings(limit=2)] == ["b", "c"]
        assert await db.get_learnings(limit=0) == []

    async def test_every_filter_filters(self, db: Any) -> None:
        fields = (
            "learning_type",
            "user_id",
            "agent_id",
            "team_id",
            "workflow_id",
            "session_id",
            "namespace",
            "entity_id",
            "entity_type",
        )
        mine = a_learning("mine", **dict.fromkeys(fields, "x"), content={"word": "same"}, updated_at=20)
        await db.learnings.upsert(mine)
        for name in fields:
            others = {**dict.fromkeys(fields, "x"), name: "y", "content": {"word": "same"}}
            await db.learnings.upsert(a_learning(f"other {name}", **others))
            assert len(await db.learnings.latest(**{name: "y"})) == 1
            assert await _searched(db, "same", **{name: "y"}) == [f"other {name}"]
        every = dict.fromkeys(fields, "x")
        assert await db.learnings.page(Page(), **every) == ([mine], 1)
        assert await _searched(db, "same", **every) == ["mine"]
        del every["workflow_id"]
        assert await db.get_learning(**{**every, "entity_id": "y"}) is not None
        assert await db.get_learning(**{**every, "entity_id": "z"}) is None

    async def test_global_learnings_are_listed_on_demand(self, db: Any) -> None:
        for learning_id, user_id in (("a", "alice"), ("b", "bob"), ("c", None)):
            await db.learnings.upsert(a_learning(learning_id, user_id=user_id))
        assert (await db.list_learnings(user_id="alice"))[1] == 1
        rows, total = await db.list_learnings(user_id="alice", include_global=True, sort_by="learning_id")
        assert ([row["learning_id"] for row in rows], total) == (["c", "a"], 2)
        assert (await db.list_learnings(include_global=True))[1] == 3

    async def test_pages_are_sorted_with_a_tiebreaker(self, db: Any) -> None:
        for number in range(5):
            await db.learnings.upsert(a_learning(f"l{number}", created_at=number // 2, updated_at=100 - number // 2))

        async def ids(**page: Any) -> list[str]:
            return [row["learning_id"] for row in (await db.list_learnings(**page))[0]]

        assert await ids() == ["l0", "l1", "l2", "l3", "l4"]
        assert await ids(sort_by="created_at", sort_order="asc") == ["l0", "l1", "l2", "l3", "l4"]
        assert await ids(limit=2, page=2) == ["l2", "l3"]
        assert await db.list_learnings(limit=2, page=9) == ([], 5)

    async def test_wrong_input_is_refused(self, db: Any) -> None:
        for page in ({"limit": -1}, {"page": 0}, {"sort_by": "contents"}, {"sort_order": "up"}, {"limit": "1"}):
            with pytest.raises(InvalidValueError):
                await db.list_learnings(**page)
        for call in (
            db.get_learnings(limit=-1),
            db.search_learnings("x", limit=True),
            db.search_learnings(7),
            db.get_learnings_user_stats(page=1),
            db.get_learnings_user_stats(sort_by="total"),
            db.get_learning(7),
            db.upsert_learning(None, "t", {}),
            db.upsert_learning("l", None, {}),
            db.learnings.latest(unknown="x"),
        ):
            with pytest.raises(InvalidValueError):
                await call

    async def test_users_with_learnings(self, db: Any) -> None:
        for learning_id, user_id, updated_at in (
            ("a", "alice", 30),
            ("b", "bob", 90),
            ("c", "alice", 50),
            ("d", None, 99),
            ("e", "carol", 50),
        ):
            await db.learnings.upsert(a_learning(learning_id, user_id=user_id, updated_at=updated_at))
        rows, total = await db.get_learnings_user_stats()
        assert rows[0] == {"user_id": "bob", "last_learning_updated_at": 90}
        assert ([row["user_id"] for row in rows], total) == (["bob", "carol", "alice"], 3)
        rows, total = await db.get_learnings_user_stats(sort_by="user_id", sort_order="asc", limit=2, page=2)
        assert (rows, total) == ([{"user_id": "carol", "last_learning_updated_at": 50}], 3)
        assert await db.get_learnings_user_stats(limit=2, page=9) == ([], 3)
        assert (await db.get_learnings_user_stats(user_id="alice"))[0][0]["last_learning_updated_at"] == 50
        assert await db.get_learnings_user_stats(learning_type="other") == ([], 0)

    # -- search -----------------------------------------------------------------------------------------------

    async def test_separators_of_words_are_alike(self, db: Any) -> None:
        for learning_id, name in (("a", "Sarah Chen"), ("b", "sarah_chen"), ("c", "SARAH-CHEN"), ("d", "sarahchen")):
            await db.learnings.upsert(a_learning(learning_id, content={"deep": [{"name": name}]}))
        for query in ("sarah chen", "sarah_chen", "Sarah-Chen", " sarah _-\n chen "):
            assert await _searched(db, query) == ["a", "b", "c"]

    async def test_a_search_is_for_literal_text(self, db: Any) -> None:
        texts = {
            "percent": "100% sure",
            "backslash": "a\\b",
            "quote": 'say "hi"',
            "plain": "100 sure",
            "accent": "café",
            "lines": "one\ntwo",
            "emoji": "🤖 robot",
            "nul": "a\x00b",
            "surrogate": "x\ud800y",
        }
        for learning_id, text in texts.items():
            await db.learnings.upsert(a_learning(learning_id, content={"text": text}))
        for query, found in (
            ("100%", "percent"),
            ("%", "percent"),
            ("a\\b", "backslash"),
            ('"hi"', "quote"),
            ("CAFé", "accent"),
            ("🤖", "emoji"),
            ("a\x00b", "nul"),
            ("x\ud800", "surrogate"),
        ):
            assert await _searched(db, query) == [found], query
        for query in ("", " ", "_", "- _", "1%e", "a%b", "100\\", "nothing"):
            assert await _searched(db, query) == [], query

    async def test_a_search_finds_what_reading_every_learning_finds(self, db: Any) -> None:
        chance, texts = Random(7), dict[str, str]()

        def some(longest: int) -> str:
            return "".join(chance.choices("abAB é日", k=chance.randint(1, longest)))

        for _ in range(60):
            learning_id = f"l{chance.randint(0, 12)}"
            if chance.random() < 0.2:
                texts.pop(learning_id, None)
                await db.learnings.delete(learning_id)
            else:
                texts[learning_id] = some(30)
                await db.learnings.upsert(a_learning(learning_id, content={"x": texts[learning_id]}))
            words = some(6).split()
            found = re.compile(".".join(words), re.IGNORECASE) if words else None
            expected = sorted(key for key, text in texts.items() if found and found.search(text))
            assert await _searched(db, " ".join(words)) == expected

    async def test_found_learnings_are_the_last_changed_first(self, db: Any) -> None:
        for number in range(4):
            await db.learnings.upsert(a_learning(f"l{number}", content="word", updated_at=10 + number // 2))
        found = await db.search_learnings("word", limit=3)
        assert [learning["learning_id"] for learning in found] == ["l2", "l3", "l0"]
