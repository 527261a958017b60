"""What every backend promises of sessions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES


def a_session(session_id: str = "s", **fields: Any) -> SessionRecord:
    """A session of an agent, owned by alice unless `fields` say otherwise."""
    given = {"session_type": "agent", "agent_id": "a", "user_id": "alice", "created_at": 100, **fields}
    return SessionRecord(session_id=session_id, **given)


class SessionConformance:
    """Sessions."""

    async def test_a_session_comes_back_as_it_was_saved(self, db: Any) -> None:
        saved = a_session(
            session_data={"session_state": {"n": 1}}, agent_data={"name": "A"}, metadata={"m": [1, 2]}, summary={"s": 1}
        )
        stored = await db.sessions.upsert(saved)
        read = await db.sessions.get("s")
        assert read == stored
        assert read.to_dict() == {**saved.to_dict(), "updated_at": stored.updated_at}

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        for column in ("session_data", "agent_data", "metadata", "summary"):
            for number, value in enumerate(ODD_VALUES):
                session = a_session(f"{column}{number}", **{column: {"value": value, "list": [value]}})
                await db.sessions.upsert(session)
                assert getattr(await db.sessions.get(session.session_id), column) == getattr(session, column)

    async def test_ids_are_any_text(self, db: Any) -> None:
        for text in ODD_TEXT:
            await db.sessions.upsert(a_session(text, user_id=text, agent_id=text))
            read = await db.sessions.get(text, user_id=text)
            assert (read.session_id, read.user_id, read.agent_id) == (text, text, text)

    async def test_an_id_that_cannot_be_a_key_is_refused_and_nothing_is_lost(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        wrong_ids: tuple[Any, ...] = ("x" * 100_000, 7, None, b"s")
        for wrong in wrong_ids:
            with pytest.raises(InvalidValueError):
                await db.sessions.upsert(a_session(wrong))
        assert (await db.sessions.page(Page()))[1] == 1

    async def test_an_unknown_type_is_refused(self, db: Any) -> None:
        with pytest.raises(InvalidValueError):
            await db.sessions.upsert(a_session(session_type="robot"))

    async def test_an_unknown_session_is_none(self, db: Any) -> None:
        assert await db.sessions.get("nobody") is None
        assert await db.sessions.rename("nobody", "name") is None
        assert not await db.sessions.set_data("nobody", {})
        assert not await db.sessions.delete("nobody")
        assert await db.sessions.delete_many(["nobody"]) == 0
        assert await db.sessions.page(Page()) == ([], 0)

    async def test_a_change_keeps_what_it_does_not_name(self, db: Any) -> None:
        await db.sessions.upsert(a_session(agent_data={"a": 1}, created_at=100))
        await db.sessions.upsert(
            a_session(session_type="team", team_id="t", team_data={"t": 1}, created_at=999, metadata={"m": 2})
        )
        read = await db.sessions.get("s")
        assert (read.session_type, read.agent_data, read.team_data) == ("agent", {"a": 1}, {"t": 1})
        assert (read.created_at, read.metadata) == (100, {"m": 2})
        assert read.updated_at > 100

    async def test_returned_values_are_not_the_store(self, db: Any) -> None:
        data = {"list": [1]}
        stored = await db.sessions.upsert(a_session(session_data=data))
        stored.session_data["list"].append(2)
        data["list"].append(3)
        assert (await db.sessions.get("s")).session_data == {"list": [1]}

    # -- owners -----------------------------------------------------------------------------------------------

    async def test_another_users_session_is_never_changed(self, db: Any) -> None:
        before = await db.sessions.upsert(a_session(session_data={"secret": 1}))
        with pytest.raises(OwnershipError):
            await db.sessions.upsert(a_session(user_id="bob", session_data={"stolen": 1}))
        assert not await db.sessions.insert_if_absent(a_session(user_id="bob"))
        assert await db.sessions.rename("s", "bob's", user_id="bob") is None
        assert not await db.sessions.set_data("s", {}, user_id="bob")
        assert not await db.sessions.reassign_owner("s", previous_user_id="bob", user_id="bob")
        assert not await db.sessions.delete("s", user_id="bob")
        assert await db.sessions.delete_many(["s"], user_id="bob") == 0
        assert await db.sessions.get("s") == before
        assert await db.sessions.get("s", user_id="bob") is None
        assert await db.sessions.page(Page(), user_id="bob") == ([], 0)

    async def test_nobody_clears_an_owner(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        read = await db.sessions.get("s")
        stored = await db.sessions.upsert(replace(read, user_id=None, session_data={"n": 2}))
        assert (stored.user_id, stored.session_data) == ("alice", {"n": 2})

    async def test_nobody_saves_over_an_owners_session_that_was_not_read(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        before = await db.sessions.get("s")
        for changed in ({}, {"session_data": {"n": 2}}, {"updated_at": 7}):
            with pytest.raises(OwnershipError):
                await db.sessions.upsert(a_session(user_id=None, **changed))
        assert await db.sessions.get("s") == before

    async def test_a_holder_who_saved_a_session_without_an_owner_goes_on_when_it_is_claimed(self, db: Any) -> None:
        mine = a_session(user_id=None, session_data={"a": 1})
        await db.sessions.upsert(mine)
        await db.sessions.upsert(a_session(user_id="bob", session_data={"a": 1, "b": 2}))
        mine.session_data = {"a": 3}
        stored = await db.sessions.upsert(mine)
        assert (stored.user_id, stored.session_data) == ("bob", {"a": 3, "b": 2})

    async def test_the_first_user_claims_a_session_without_an_owner(self, db: Any) -> None:
        await db.sessions.upsert(a_session(user_id=None))
        assert (await db.sessions.upsert(a_session(user_id="bob"))).user_id == "bob"
        with pytest.raises(OwnershipError):
            await db.sessions.upsert(a_session())

    async def test_an_idle_session_changes_hands(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        assert await db.sessions.reassign_owner("s", previous_user_id="alice", user_id="bob")
        assert (await db.sessions.get("s")).user_id == "bob"
        await db.runs.upsert(RunRecord(run_id="r", session_id="s", run_type="agent", status="RUNNING", run_data={}))
        assert not await db.sessions.reassign_owner("s", previous_user_id="bob", user_id="alice")

    # -- names and data ---------------------------------------------------------------------------------------

    async def test_a_rename_touches_the_name_only(self, db: Any) -> None:
        await db.sessions.upsert(a_session(session_data={"session_state": {"n": 1}, "session_name": "old"}))
        renamed = await db.sessions.rename("s", 'new "%_\\ \x00 é')
        assert renamed.session_data == {"session_state": {"n": 1}, "session_name": 'new "%_\\ \x00 é'}

    async def test_a_session_without_data_can_be_named(self, db: Any) -> None:
        await db.sessions.upsert(a_session(session_data=None))
        assert (await db.sessions.rename("s", "name")).session_data == {"session_name": "name"}

    async def test_a_rename_asks_for_type_and_owner(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        assert await db.sessions.rename("s", "n", session_type="team") is None
        assert await db.sessions.rename("s", "n", session_type="agent", user_id="alice") is not None

    async def test_data_is_replaced(self, db: Any) -> None:
        await db.sessions.upsert(a_session(session_data={"old": 1}, metadata={"m": 1}))
        assert await db.sessions.set_data("s", {"new": 1}, user_id="alice")
        read = await db.sessions.get("s")
        assert (read.session_data, read.metadata) == ({"new": 1}, {"m": 1})

    # -- lists ------------------------------------------------------------------------------------------------

    async def test_a_page_has_its_rows_and_the_number_of_all(self, db: Any) -> None:
        for number in range(7):
            await db.sessions.upsert(a_session(f"s{number}", created_at=number))
        for page, expected in ((1, ["s6", "s5", "s4"]), (2, ["s3", "s2", "s1"]), (3, ["s0"]), (4, [])):
            rows, total = await db.sessions.page(Page(3, page, "created_at", "desc"))
            assert ([row.session_id for row in rows], total) == (expected, 7)
        assert await db.sessions.page(Page(0)) == ([], 7)

    async def test_a_page_may_have_the_runs_of_its_sessions(self, db: Any) -> None:
        for number in range(4):
            await db.sessions.upsert(a_session(f"s{number}", created_at=number))
        for number, session_id in enumerate(("s1", "s2", "s1", "s3", "s1")):
            document = {"n": number, "odd": ODD_TEXT}
            run = RunRecord(run_id=f"r{number}", session_id=session_id, run_type="agent", run_data=document)
            await db.runs.upsert(replace(run, user_id="alice"))
        for page, expected in (
            (Page(2, 1, "created_at", "asc"), {"s0": [], "s1": [0, 2, 4]}),
            (Page(2, 2, "created_at", "asc"), {"s2": [1], "s3": [3]}),
            (Page(2, 3, "created_at", "asc"), {}),
            (Page(), {"s0": [], "s1": [0, 2, 4], "s2": [1], "s3": [3]}),
        ):
            for _ in range(2):  # the number of all is kept from the first
                rows, total = await db.sessions.page(page, with_runs=True)
                assert {row.session_id: [run["n"] for run in row.runs] for row in rows} == expected
                assert total == 4
                assert all(run["odd"] == list(ODD_TEXT) for row in rows for run in row.runs)
        assert [row.runs for row in (await db.sessions.page(Page(), user_id="alice"))[0]] == [None] * 4
        assert await db.sessions.page(Page(), user_id="bob", with_runs=True) == ([], 0)

    async def test_equal_times_are_ordered_by_id(self, db: Any) -> None:
        ids = [f"s{number}" for number in range(6)]
        for session_id in ids:
            await db.sessions.upsert(a_session(session_id))
        seen = [(await db.sessions.page(Page(1, n, "created_at", "asc")))[0][0].session_id for n in range(1, 7)]
        assert seen == ids

    async def test_the_last_change_sorts_rows_that_were_never_changed_by_their_creation(self, db: Any) -> None:
        await db.sessions.upsert(a_session("old", created_at=1))
        await db.sessions.upsert(a_session("older", created_at=0))
        await db.sessions.upsert(a_session("old", created_at=1))
        rows, _ = await db.sessions.page(Page(sort_by="updated_at", sort_order="desc"))
        assert [row.session_id for row in rows] == ["old", "older"]

    async def test_filters(self, db: Any) -> None:
        await db.sessions.upsert(a_session("agent", agent_id="x", created_at=10))
        await db.sessions.upsert(a_session("team", session_type="team", team_id="x", user_id="bob", created_at=20))
        await db.sessions.upsert(a_session("flow", session_type="workflow", workflow_id="x", created_at=30))

        async def ids(**filters: Any) -> list[str]:
            rows, total = await db.sessions.page(Page(), **filters)
            assert total == len(rows)
            return [row.session_id for row in rows]

        assert await ids(component_id="x") == ["agent", "team", "flow"]
        assert await ids(component_id="x", session_type="team") == ["team"]
        assert await ids(session_type="workflow") == ["flow"]
        assert await ids(user_id="bob") == ["team"]
        assert await ids(created_from=20) == ["team", "flow"]
        assert await ids(created_to=20) == ["agent", "team"]
        assert await ids(created_from=20, created_to=20, user_id="bob", component_id="x") == ["team"]
        assert await ids(component_id="nothing") == []

    async def test_a_search_is_a_literal_substring_in_any_case(self, db: Any) -> None:
        names = ["Ten 100% sure", "10_0", 'say "hi"', "back\\slash", "plain"]
        for name in names:
            await db.sessions.upsert(a_session(name, session_data={"session_name": name}))
        await db.sessions.upsert(a_session("unnamed", session_data=None))
        for search, expected in (
            ("0%", [names[0]]),
            ("0_", [names[1]]),
            ('"HI"', [names[2]]),
            ("k\\s", [names[3]]),
            ("%%", []),
            ("", names),
        ):
            rows, _ = await db.sessions.page(Page(), name=search)
            assert sorted(row.session_id for row in rows) == sorted(expected)

    async def test_wrong_pages_are_refused(self, db: Any) -> None:
        for page in (
            Page(10, 0),
            Page(-1),
            Page(None, 1),
            Page(10, 1, "summaries"),
            Page(10, 1, "created_at", "up"),
            Page(2**62, 2**62),
            Page(True),
            Page("10"),  # type: ignore[arg-type]
        ):
            with pytest.raises(InvalidValueError):
                await db.sessions.page(page)

    # -- deletes and races ------------------------------------------------------------------------------------

    async def test_runs_go_with_their_session(self, db: Any) -> None:
        for session_id in ("s", "t", "kept"):
            await db.sessions.upsert(a_session(session_id))
            await db.runs.upsert(
                RunRecord(run_id=f"r-{session_id}", session_id=session_id, run_type="agent", run_data={})
            )
        assert await db.sessions.delete("s", user_id="alice")
        assert await db.sessions.delete_many(["t", "unknown"]) == 1
        assert [await db.runs.get(f"r-{name}") is None for name in ("s", "t", "kept")] == [True, True, False]

    async def test_racing_inserts_of_one_id_make_one_row(self, db: Any, make_db: Any) -> None:
        databases = [db, await make_db()]
        made = await asyncio.gather(
            *(databases[n % 2].sessions.insert_if_absent(a_session(session_data={"n": n})) for n in range(10))
        )
        assert sorted(made) == [False] * 9 + [True]

    async def test_racing_claims_have_one_winner(self, db: Any, make_db: Any) -> None:
        await db.sessions.upsert(a_session(user_id=None))
        databases = [db, await make_db()]
        results = await asyncio.gather(
            *(databases[n % 2].sessions.upsert(a_session(user_id=f"user{n}")) for n in range(8)),
            return_exceptions=True,
        )
        won = [result for result in results if isinstance(result, SessionRecord)]
        assert len(won) == 1
        assert all(isinstance(r, (SessionRecord, OwnershipError)) for r in results)
        assert (await db.sessions.get("s")).user_id == won[0].user_id

    async def test_every_write_counts_in_the_row_version(self, db: Any) -> None:
        first = await db.sessions.upsert(a_session())
        await db.sessions.rename("s", "n")
        await db.sessions.set_data("s", {})
        last = await db.sessions.upsert(replace(first))
        assert (first.row_version, last.row_version) == (1, 4)
