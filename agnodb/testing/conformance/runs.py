"""What every backend promises of runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agnodb.errors import InvalidValueError, NotFoundError, OwnershipError
from agnodb.filters import Page
from agnodb.records.runs import RunRecord
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES


def a_run(run_id: str = "r", **fields: Any) -> RunRecord:
    """A completed run of session "s" without an owner of its own, unless `fields` say otherwise."""
    given = {"session_id": "s", "run_type": "agent", "agent_id": "a", "status": "COMPLETED", "run_data": {}, **fields}
    return RunRecord(run_id=run_id, **given)


class RunConformance:
    """Runs."""

    async def test_a_run_comes_back_as_it_was_saved(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        run = a_run(run_data={"content": "hi"}, user_id="alice", parent_run_id="p", created_at=5)
        stored = await db.runs.upsert(run)
        read = await db.runs.get("r")
        assert (read.run_index, read.created_at, read.user_id) == (0, 5, "alice")
        assert replace(run, run_index=0, updated_at=read.updated_at) == read == stored

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        for number, value in enumerate(ODD_VALUES):
            await db.runs.upsert(a_run(f"r{number}", run_data={"value": value}))
        assert await db.runs.of_session("s") == [{"value": value} for value in ODD_VALUES]

    async def test_ids_are_any_text(self, db: Any) -> None:
        for text in ODD_TEXT:
            await db.sessions.upsert(a_session(text))
            await db.runs.upsert(a_run(text, session_id=text, run_data={"t": text}))
            assert (await db.runs.get(text)).session_id == text
        assert await db.runs.of_sessions(ODD_TEXT) == {text: [{"t": text}] for text in ODD_TEXT}

    async def test_the_runs_of_many_sessions_are_each_in_order(self, db: Any) -> None:
        for session in ("s", "t", "u" * 400):
            await db.sessions.upsert(a_session(session))
        for number, session in enumerate(("t", "s", "t", "u" * 400, "s", "t")):
            await db.runs.upsert(a_run(f"r{number}", session_id=session, run_data={"n": number}))
        asked = ["t", *(f"nothing {number}" for number in range(70)), "s", "t", "u" * 400, "u" * 399]
        found = await db.runs.of_sessions(asked)
        told = {session[:1]: [run["n"] for run in runs] for session, runs in found.items()}
        assert told == {"t": [0, 2, 5], "s": [1, 4], "u": [3]}

    async def test_an_unknown_run_is_none(self, db: Any) -> None:
        assert await db.runs.get("nothing") is None
        assert not await db.runs.delete("nothing")
        assert await db.runs.delete_many(["nothing"]) == 0
        assert await db.runs.of_session("nothing") == []
        assert await db.runs.of_sessions(["nothing"]) == {}
        assert await db.runs.patch("nothing", "s", lambda run: {}) is None
        assert not await db.runs.cancel("nothing", "s", reason="", expected_status="PENDING")

    async def test_a_run_needs_its_session(self, db: Any) -> None:
        with pytest.raises(NotFoundError):
            await db.runs.upsert(a_run())
        with pytest.raises(NotFoundError):
            await db.runs.append_if_absent(a_run())
        assert (await db.runs.page(Page()))[1] == 0

    # -- order ------------------------------------------------------------------------------------------------

    async def test_the_database_gives_the_place_whatever_the_caller_says(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        for number in range(3):
            stored = await db.runs.upsert(a_run(f"r{number}", run_index=0, created_at=9 - number))
            assert stored.run_index == number

    async def test_a_run_that_is_saved_again_keeps_its_place(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        for run_id in ("a", "b", "a", "c", "b"):
            await db.runs.upsert(a_run(run_id, run_data={"id": run_id}))
        assert [run["id"] for run in await db.runs.of_session("s")] == ["a", "b", "c"]

    async def test_racing_runs_get_distinct_places(self, db: Any, make_db: Any) -> None:
        await db.sessions.upsert(a_session())
        databases = [db, await make_db()]
        await asyncio.gather(*(databases[n % 2].runs.upsert(a_run(f"r{n}")) for n in range(50)))
        runs, total = await db.runs.page(Page(), session_id="s")
        assert total == 50
        assert len({run.run_index for run in runs}) == 50

    async def test_a_new_run_is_last_after_deletes(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        for number in range(6):
            await db.runs.upsert(a_run(f"r{number}", run_data={"id": number}))
        assert await db.runs.delete_many(["r0", "r1", "r3"]) == 3
        await db.runs.upsert(a_run("new", run_data={"id": "new"}))
        assert [run["id"] for run in await db.runs.of_session("s")] == [2, 4, 5, "new"]

    async def test_history_is_the_last_runs_that_a_model_should_see(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        for number, (status, parent) in enumerate(
            [
                ("COMPLETED", None),
                ("ERROR", None),
                ("COMPLETED", "p"),
                ("PAUSED", None),
                ("RUNNING", None),
                ("CANCELLED", None),
                (None, None),
                ("REGENERATED", None),
            ]
        ):
            await db.runs.upsert(a_run(f"r{number}", status=status, parent_run_id=parent, run_data={"n": number}))
        assert await db.runs.history("s", 2) == [{"n": 4}, {"n": 6}]
        assert await db.runs.history("s", 99) == [{"n": 0}, {"n": 4}, {"n": 6}]
        assert await db.runs.history("s", 0) == []
        with pytest.raises(InvalidValueError):
            await db.runs.history("s", -1)

    # -- owners -----------------------------------------------------------------------------------------------

    async def test_nobody_writes_into_another_users_session(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        before = await db.runs.upsert(a_run(user_id="alice", run_data={"mine": 1}))
        for run in (a_run(user_id="bob"), a_run("new", user_id="bob")):
            with pytest.raises(OwnershipError):
                await db.runs.upsert(run)
        with pytest.raises(OwnershipError):
            await db.runs.append_if_absent(a_run("new", user_id="bob"))
        assert await db.runs.patch("r", "s", lambda run: {"status": "ERROR"}, user_id="bob") is None
        assert not await db.runs.cancel("r", "s", reason="", expected_status="RUNNING", user_id="bob")
        assert await db.runs.get("r") == before
        assert (await db.runs.page(Page()))[1] == 1

    async def test_a_run_is_not_moved_to_another_session(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        await db.sessions.upsert(a_session("other", user_id="bob"))
        before = await db.runs.upsert(a_run(run_data={"mine": 1}))
        with pytest.raises(OwnershipError):
            await db.runs.upsert(a_run(session_id="other", user_id="bob"))
        assert await db.runs.get("r") == before

    async def test_nobody_clears_an_owner(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        await db.runs.upsert(a_run(user_id="alice"))
        assert (await db.runs.upsert(a_run(user_id=None, run_data={"n": 2}))).user_id == "alice"

    # -- changes ----------------------------------------------------------------------------------------------

    async def test_an_append_never_changes_a_run(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        assert await db.runs.append_if_absent(a_run(run_data={"n": 1}))
        assert not await db.runs.append_if_absent(a_run(run_data={"n": 2}))
        assert await db.runs.of_session("s") == [{"n": 1}]

    async def test_a_patch_sees_the_stored_run_and_sets_its_columns(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        await db.runs.upsert(a_run(run_data={"n": 1}))
        assert await db.runs.patch("r", "s", lambda run: {"run_data": {"n": run.run_data["n"] + 1}, "status": "ERROR"})
        read = await db.runs.get("r")
        assert (read.run_data, read.status) == ({"n": 2}, "ERROR")
        assert await db.runs.patch("r", "s", lambda run: None) is False

    async def test_racing_patches_all_count(self, db: Any, make_db: Any) -> None:
        await db.sessions.upsert(a_session())
        await db.runs.upsert(a_run(run_data={"n": 0}))
        databases = [db, await make_db()]

        def add(run: RunRecord) -> dict[str, Any]:
            return {"run_data": {"n": run.run_data["n"] + 1}}

        await asyncio.gather(*(databases[n % 2].runs.patch("r", "s", add) for n in range(20)))
        assert (await db.runs.get("r")).run_data == {"n": 20}

    async def test_a_patch_that_fails_changes_nothing(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        before = await db.runs.upsert(a_run())

        def fail(run: RunRecord) -> dict[str, Any]:
            raise LookupError("the caller's own")

        with pytest.raises(LookupError):
            await db.runs.patch("r", "s", fail)
        assert await db.runs.get("r") == before

    async def test_cancelling(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        await db.runs.upsert(a_run(status="PENDING", run_data={"status": "PENDING", "x": 1}))
        assert not await db.runs.cancel("r", "s", reason="why", expected_status="RUNNING")
        assert await db.runs.cancel("r", "s", reason='why "\x00"', expected_status="PENDING")
        read = await db.runs.get("r")
        assert (read.status, read.run_data) == (
            "CANCELLED",
            {"status": "CANCELLED", "x": 1, "content": 'why "\x00"'},
        )
        assert not await db.runs.cancel("r", "s", reason="again", expected_status="PENDING")
        with pytest.raises(InvalidValueError):
            await db.runs.cancel("r", "s", reason="", expected_status="COMPLETED")

    async def test_a_cancelled_run_keeps_its_content(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        await db.runs.upsert(a_run(status="RUNNING", run_data={"status": "RUNNING", "content": "so far"}))
        assert await db.runs.cancel("r", "s", reason="why", expected_status="RUNNING")
        assert (await db.runs.get("r")).run_data["content"] == "so far"

    async def test_filters_and_pages(self, db: Any) -> None:
        await db.sessions.upsert(a_session())
        for number in range(5):
            await db.runs.upsert(a_run(f"r{number}", status="ERROR" if number % 2 else "COMPLETED", team_id="t"))
        rows, total = await db.runs.page(Page(2, 2, "run_index", "asc"), session_id="s", team_id="t")
        assert ([row.run_id for row in rows], total) == (["r2", "r3"], 5)
        rows, total = await db.runs.page(Page(), status="ERROR", agent_id="a")
        assert ([row.run_id for row in rows], total) == (["r1", "r3"], 2)
        assert await db.runs.page(Page(), workflow_id="none") == ([], 0)

    async def test_a_transaction_stores_all_or_nothing(self, db: Any) -> None:
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                await tx.sessions.upsert(a_session())
                await tx.runs.upsert(a_run())
                raise LookupError
        assert await db.sessions.get("s") is None
        async with db.transaction() as tx:
            await tx.sessions.upsert(a_session())
            await tx.runs.upsert(a_run())
        assert (await db.runs.get("r")).session_id == "s"
