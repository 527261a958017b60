"""What every backend promises of sessions that several hold at once: what each has changed is kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from agnodb.databases.documents import DocumentCore
from agnodb.errors import StaleVersionError
from agnodb.records.sessions import SessionRecord
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.values import ODD_VALUES, canonical

NAN = math.nan

MERGED: dict[str, tuple[Any, Any, Any, Any]] = {
    "keys of their own": ({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "c": 3}, {"a": 1, "b": 2, "c": 3}),
    "nested": (
        {"s": {"cart": {"tea": 1}}},
        {"s": {"cart": {"tea": 1, "milk": 2}}},
        {"s": {"cart": {"tea": 3}, "n": 1}},
        {"s": {"cart": {"tea": 3, "milk": 2}, "n": 1}},
    ),
    "nested, begun by both": ({}, {"s": {"a": 1}}, {"s": {"b": 2}}, {"s": {"a": 1, "b": 2}}),
    "deleted by the other": ({"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}),
    "deleted by oneself": ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, {"a": 1}, {"a": 1, "c": 3}),
    "deleted by both": ({"a": 1, "b": 2}, {"a": 1}, {"a": 1}, {"a": 1}),
    "deleted and changed": ({"a": 1, "b": 1}, {"b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 1}),
    "changed and deleted": ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"b": 1}, {"b": 1}),
    "the same key": ({"a": 1}, {"a": 2}, {"a": 3}, {"a": 3}),
    "a list is one value": ({"a": [1]}, {"a": [1, 2], "b": 1}, {"a": [1, 3]}, {"a": [1, 3], "b": 1}),
    "a mapping becomes a value": ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": 7}, {"a": 7}),
    "a value becomes a mapping": ({"a": 7}, {"a": 8}, {"a": {"x": 1}}, {"a": {"x": 1}}),
    "a mapping deleted by the other": (
        {"a": {"x": 1}},
        {"b": 1},
        {"a": {"x": 1, "y": 2}},
        {"a": {"x": 1, "y": 2}, "b": 1},
    ),
    "a mapping deleted by oneself": ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {"b": 1}, {"b": 1}),
    "nothing at first": (None, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "emptied by the other": ({"a": 1}, None, {"a": 1, "b": 2}, {"b": 2}),
    "emptied by oneself": ({"a": 1}, {"a": 1, "b": 2}, None, {"b": 2}),
    "emptied by both": ({"a": 1}, None, None, None),
    "no number": ({"n": NAN}, {"n": NAN, "a": 1}, {"n": NAN, "b": 2}, {"n": NAN, "a": 1, "b": 2}),
    "true is not one": ({"a": 1}, {"a": 1, "b": 1}, {"a": True}, {"a": True, "b": 1}),
    "decimals": (
        {"a": Decimal("1.10"), "b": Decimal("1")},
        {"a": Decimal("1.10"), "b": Decimal("2")},
        {"a": Decimal("1.1"), "b": Decimal("1")},
        {"a": Decimal("1.1"), "b": Decimal("2")},
    ),
    "keys that are no text": (
        {1: "a", None: {2.5: 0}},
        {1: "b", None: {2.5: 0}, (1, 2): "c"},
        {1: "a", None: {2.5: 1}},
        {1: "b", None: {2.5: 1}, (1, 2): "c"},
    ),
    "odd values": (
        {"kept": [*ODD_VALUES]},
        {"kept": [*ODD_VALUES], "theirs": [*ODD_VALUES]},
        {"kept": [*ODD_VALUES], "mine": [*ODD_VALUES]},
        {"kept": [*ODD_VALUES], "theirs": [*ODD_VALUES], "mine": [*ODD_VALUES]},
    ),
}
"""What a document was, what one holder made of it, what another one did who saved after them, and what is stored."""

_DETAILS = (
    [{"id": "m", "provider": "p", "input_tokens": 5, "cost": 0.1}],
    [
        {"id": "m", "provider": "p", "input_tokens": 7, "cost": 0.2},
        {"id": "theirs", "provider": "p", "input_tokens": 1},
    ],
    [{"id": "mine", "provider": "p", "input_tokens": 2}, {"id": "m", "provider": "p", "input_tokens": 9, "cost": 0.1}],
)


def tokens(total: int, **fields: Any) -> dict[str, Any]:
    """The data of a session whose metrics say that it has used so many."""
    return {"session_metrics": {"total_tokens": total}, **fields}


def used(data: Any) -> int:
    """The number of tokens in the data of a session."""
    total: int = data["session_metrics"]["total_tokens"]
    return total


async def data_of(db: Any, session_id: str = "s") -> Any:
    """What is stored."""
    return (await db.sessions.get(session_id)).session_data


@asynccontextmanager
async def configured(db: Any, **arguments: Any) -> AsyncIterator[Any]:
    """Another database object on the storage of `db`, with other constructor arguments."""
    place = {"db_url": db.db_url} if hasattr(db, "db_url") else {}  # with its password
    data = db.to_dict()
    if "session_collection" in data:
        arguments = {name.replace("_table", "_collection"): value for name, value in arguments.items()}
    if data["type"].endswith("in_memory") and "session_table" in arguments:  # another name is another memory there
        arguments = {"store": arguments["session_table"]}
    seconds = arguments.pop("retry_timeout", None) if isinstance(core_of(db), DocumentCore) else None
    made = type(db).from_dict({**data, **place, **arguments})
    if seconds is not None:
        core_of(made)._executor._retry_timeout = seconds
    try:
        yield made
    finally:
        await made.close()


def core_of(db: Any) -> Any:
    """What has the executor."""
    return getattr(db, "_core", db)


async def merge(db: Any, other: Any, session_id: str, column: str, base: Any, theirs: Any, mine: Any) -> SessionRecord:
    """The session after two who held it as `base` have saved it: `theirs`, then `mine`."""
    await db.sessions.upsert(a_session(session_id, **{column: base}))
    held, others = await db.sessions.get(session_id), await other.sessions.get(session_id)
    await other.sessions.upsert(replace(others, **{column: theirs}))
    answer = await db.sessions.upsert(replace(held, **{column: mine}))
    stored: SessionRecord = await other.sessions.get(session_id)
    assert canonical(stored.to_dict()) == canonical(answer.to_dict())
    assert stored.row_version == 3
    return stored


class MergingConformance:
    """Merging."""

    # -- documents --------------------------------------------------------------------------------------------

    async def test_what_each_has_changed_is_kept(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        for column in ("session_data", "metadata"):
            for case, (base, theirs, mine, expected) in MERGED.items():
                stored = await merge(db, other, f"{column} {case}", column, base, theirs, mine)
                assert canonical(getattr(stored, column)) == canonical(expected), (column, case)

    async def test_a_conflict_can_be_an_error(self, db: Any) -> None:
        async with configured(db, on_conflict="raise") as first, configured(db, on_conflict="raise") as second:
            conflicts = {
                "deleted and changed": "session_data.a",
                "changed and deleted": "session_data.a",
                "the same key": "session_data.a",
                "a list is one value": "session_data.a",
                "a mapping becomes a value": "session_data.a",
                "a mapping deleted by the other": "session_data.a",
                "a mapping deleted by oneself": "session_data.a",
                "a value becomes a mapping": "session_data.a",
            }
            for case, (base, theirs, mine, expected) in MERGED.items():
                if case not in conflicts:
                    stored = await merge(first, second, case, "session_data", base, theirs, mine)
                    assert canonical(stored.session_data) == canonical(expected), case
                    continue
                with pytest.raises(StaleVersionError) as raised:
                    await merge(first, second, case, "session_data", base, theirs, mine)
                assert raised.value.facts["path"] == conflicts[case]
                assert await data_of(db, case) == theirs
                again = await first.sessions.get(case)
                again.session_data = mine
                assert (await first.sessions.upsert(again)).session_data == mine

    async def test_a_save_that_conflicted_can_be_made_again_without_the_conflict(self, db: Any) -> None:
        async with configured(db, on_conflict="raise") as strict:
            await strict.sessions.upsert(a_session(session_data={"a": 1}))
            held, other = await strict.sessions.get("s"), await strict.sessions.get("s")
            other.session_data = {"a": 2}
            await strict.sessions.upsert(other)
            for _ in range(2):
                held.session_data = {"a": 3, "b": 1}
                with pytest.raises(StaleVersionError):
                    await strict.sessions.upsert(held)
            held.session_data = {"a": 1, "b": 1}
            await strict.sessions.upsert(held)
            assert await data_of(db) == {"a": 2, "b": 1}

    async def test_of_two_summaries_the_newer_is_kept_whole(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        old = {"summary": "old", "updated_at": "2026-01-01T00:00:00"}
        new = {"summary": "new", "topics": ["x"], "updated_at": "2026-01-02T00:00:00+00:00"}
        cases: list[tuple[Any, ...]] = [
            (None, new, old, new),
            (None, old, new, new),
            (old, old, new, new),
            (old, new, old, new),
            (old, None, new, new),
            (old, new, None, new),
            (None, {"a": 1}, {"b": 2}, {"b": 2}),
        ]
        for number, (base, theirs, mine, expected) in enumerate(cases):
            stored = await merge(db, other, f"s{number}", "summary", base, theirs, mine)
            assert stored.summary == expected

    # -- counters ---------------------------------------------------------------------------------------------

    async def test_counts_are_added_up(self, db: Any, make_db: Any) -> None:
        other, (base, theirs, mine) = await make_db(), _DETAILS
        stored = await merge(
            db, other, "s", "session_data",
            tokens(10, session_state={"n": 1}), tokens(15, session_state={"n": 4}), tokens(30, session_state={"n": 3}),
        )  # fmt: skip
        assert stored.session_data == tokens(35, session_state={"n": 3})
        by_model = [{"session_metrics": {"details": {"model": details}}} for details in (base, theirs, mine)]
        stored = await merge(db, other, "d", "session_data", *by_model)
        counted = {entry.pop("id"): entry for entry in stored.session_data["session_metrics"]["details"]["model"]}
        assert counted == {
            "m": {"provider": "p", "input_tokens": 11, "cost": 0.2},
            "theirs": {"provider": "p", "input_tokens": 1},
            "mine": {"provider": "p", "input_tokens": 2},
        }

    async def test_an_application_says_what_else_is_counted(self, db: Any) -> None:
        counters = ["session_data.session_state.visits", "metadata.money"]
        async with configured(db, counters=counters) as first, configured(db, counters=counters) as second:
            state = [{"session_state": {"visits": n, "name": n}} for n in (1, 4, 3)]
            stored = await merge(first, second, "s", "session_data", *state)
            assert stored.session_data == {"session_state": {"visits": 6, "name": 3}}
            money = [{"money": {"eur": Decimal(text)}} for text in ("0.10", "0.30", "0.20")]
            stored = await merge(first, second, "m", "metadata", *money)
            assert canonical(stored.metadata) == canonical({"money": {"eur": Decimal("0.40")}})
            stored = await merge(first, second, "t", "session_data", tokens(1), tokens(5), tokens(3))
            assert used(stored.session_data) == 7  # it always is one of them

    async def test_many_writers_at_once(self, db: Any, make_db: Any) -> None:
        databases, writers, turns = [db, await make_db()], 6, 3
        await db.sessions.upsert(a_session(session_data=tokens(0)))

        async def write(number: int) -> None:
            own = databases[number % 2]
            held = await own.sessions.get("s")
            for turn in range(1, turns + 1):
                held.session_data = {**held.session_data, **tokens(used(held.session_data) + 1), f"w{number}": turn}
                held.metadata = {**(held.metadata or {}), f"w{number}": turn}
                await own.sessions.upsert(held)

        await asyncio.gather(*map(write, range(writers)))
        own = {f"w{number}": turns for number in range(writers)}
        stored = await db.sessions.get("s")
        assert stored.session_data == tokens(writers * turns, **own)
        assert stored.metadata == own
        assert stored.row_version == 1 + writers * turns

    async def test_what_was_merged_into_a_deleted_session_comes_back_too(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        held = await db.sessions.upsert(a_session(session_data=tokens(5)))
        beside = await other.sessions.get("s")
        beside.session_data = tokens(7, theirs=1)
        await other.sessions.upsert(beside)
        held.session_data = tokens(6, mine=1)
        await db.sessions.upsert(held)  # the object does not learn of theirs, the row has it
        await other.sessions.delete("s")
        held.session_data = tokens(9, mine=2)
        await db.sessions.upsert(held)
        assert await data_of(db) == tokens(11, theirs=1, mine=2)

    # -- what it costs ----------------------------------------------------------------------------------------

    async def test_a_save_is_one_statement_and_two_or_three_where_others_wrote(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        # Two, where the failed write can tell what is stored.
        dialect = getattr(core_of(db).settings, "dialect", None)
        contended = 2 if dialect is not None and dialect.answers_stored else 3
        # One, where what was written through the same object is known.
        known = 1 if hasattr(core_of(db)._executor, "remembered") else contended
        await db.sessions.get("s")

        async def statements(held: SessionRecord) -> int:
            before = core_of(db)._executor.shapes
            await db.sessions.upsert(held)
            return int(core_of(db)._executor.shapes - before)

        held = a_session(session_data={})
        assert await statements(held) == 1
        for turn in range(3):
            held.session_data = {"turn": turn}
            assert await statements(held) == 1
            read = await db.sessions.get("s")
            read.session_data = {**read.session_data, f"read{turn}": turn}
            assert await statements(read) == 1
            assert await statements(held) == known
            assert await statements(held) == 1
            await other.sessions.rename("s", f"name {turn}")
            assert await statements(held) == contended
        assert await statements(a_session(session_data={})) == known
