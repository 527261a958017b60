"""What every backend promises of what it has seen lately: others may have written since."""

from __future__ import annotations

from typing import Any

import pytest

from agnodb.errors import NotFoundError, OwnershipError
from agnodb.filters import Page
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session


class RememberingConformance:
    """Two database objects on one storage: what one does, the other finds, whatever it has read or written before."""

    async def test_a_session_that_got_an_owner_takes_no_runs_of_others(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        await db.sessions.upsert(a_session(user_id=None))
        await db.runs.upsert(a_run("r0", user_id="alice"))
        await other.sessions.upsert(a_session(user_id="bob"))
        with pytest.raises(OwnershipError):
            await db.runs.upsert(a_run("r1", user_id="alice"))
        assert await db.sessions.reassign_owner("s", previous_user_id="bob", user_id="alice")
        await db.runs.upsert(a_run("r1", user_id="alice"))
        with pytest.raises(OwnershipError):
            await other.runs.upsert(a_run("r2", user_id="bob"))
        assert await _ids(other) == ["r0", "r1"]

    async def test_a_session_that_was_made_anew_is_the_other_users(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        held = a_session(user_id="alice")
        await db.sessions.upsert(held)
        await db.runs.upsert(a_run("r0", user_id="alice"))
        await other.sessions.delete("s")
        with pytest.raises(NotFoundError):
            await db.runs.upsert(a_run("r1", user_id="alice"))
        assert await other.sessions.insert_if_absent(a_session(user_id="bob"))
        assert not await db.sessions.insert_if_absent(a_session(user_id="alice"))
        for call in (db.runs.upsert(a_run("r1", user_id="alice")), db.sessions.upsert(a_session(user_id="alice"))):
            with pytest.raises(OwnershipError):
                await call
        with pytest.raises(OwnershipError):
            await db.sessions.upsert(held)
        assert (await other.sessions.get("s")).user_id == "bob"
        assert await db.runs.of_session("s") == []
        await other.sessions.delete("s")
        assert await db.sessions.insert_if_absent(a_session(user_id="alice"))

    async def test_a_run_that_another_has_written_is_seen(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        await db.sessions.upsert(a_session())
        await db.runs.upsert(a_run("r", status="PENDING"))
        assert await other.runs.cancel("r", "s", reason="", expected_status="PENDING")
        assert not await db.runs.cancel("r", "s", reason="", expected_status="PENDING")
        assert await db.runs.patch("r", "s", lambda run: None if run.status == "CANCELLED" else {}) is False
        await other.runs.upsert(a_run("new", created_at=7, run_data={"by": "other"}))
        assert not await db.runs.append_if_absent(a_run("new"))
        assert (await db.runs.upsert(a_run("new", run_data={"by": "db"}))).created_at == 7
        await other.runs.delete("r")
        assert await db.runs.patch("r", "s", lambda _run: {}) is None
        assert await db.runs.append_if_absent(a_run("r"))
        assert await _ids(other) == ["new", "r"]

    async def test_a_record_that_another_has_written_is_seen(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        await db.memories.upsert(a_memory("m", user_id="alice", memory="one"))
        await other.memories.delete("m")
        await other.memories.upsert(a_memory("m", user_id="bob", memory="two"))
        with pytest.raises(OwnershipError):
            await db.memories.upsert(a_memory("m", user_id="alice", memory="three"))
        assert (await db.memories.get("m")).memory == "two"
        await other.memories.delete("m")
        await db.memories.upsert(a_memory("m", user_id="alice", memory="four", created_at=3))
        assert (await other.memories.get("m")).created_at == 3


async def _ids(db: Any) -> list[str]:
    return [run.run_id for run in (await db.runs.page(Page(), session_id="s"))[0]]
