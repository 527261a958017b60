"""What every backend promises of those who hold a session: each of their changes is stored once, however they save."""

from __future__ import annotations

import asyncio
import copy
import pickle
import uuid
from dataclasses import replace
from typing import Any

import pytest

from agnodb.errors import AgnoDbError, OwnershipError, UnavailableError
from agnodb.records.snapshots import Snapshot
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance.merging import configured, data_of, tokens, used
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.worlds import done_and_lost
from agnodb.testing.families import injection_of, overwrite
from agnodb.testing.injection import Kind


class HoldingConformance:
    """Holding."""

    # -- who holds what ---------------------------------------------------------------------------------------

    async def test_one_object_saved_many_times(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        held = await db.sessions.upsert(a_session(session_data=tokens(0)))
        beside = await other.sessions.get("s")
        for turn in range(1, 6):
            held.session_data = tokens(turn, **{f"mine{turn}": 1})  # the key of the turn before is deleted
            await db.sessions.upsert(held)
            if turn % 2:
                beside.session_data = tokens(used(beside.session_data) + 10, **{f"theirs{turn}": 1})
                await other.sessions.upsert(beside)
        assert await data_of(db) == tokens(35, mine5=1, theirs5=1)

    async def test_one_object_saved_many_times_at_once(self, db: Any) -> None:
        held = await db.sessions.upsert(a_session(session_data=tokens(0)))
        beside = await db.sessions.get("s")

        async def turn(number: int) -> None:
            data = held.session_data
            held.session_data = {**data, **tokens(used(data) + 1), f"k{number}": 1}
            await db.sessions.upsert(held)

        async def another() -> None:
            beside.session_data = {**beside.session_data, "theirs": 1}
            await db.sessions.upsert(beside)

        if isinstance(db, AsyncFacade):  # whoever holds an object without an event loop waits for its saves
            for number in range(8):
                await asyncio.gather(turn(number), *([another()] if number == 3 else []))
        else:
            await asyncio.gather(*map(turn, range(8)), another())
        assert await data_of(db) == tokens(8, theirs=1, **{f"k{number}": 1 for number in range(8)})

    async def test_copies_that_share_their_state_share_what_they_know(self, db: Any) -> None:
        held = await db.sessions.upsert(a_session(session_data=tokens(0)))
        for turn in range(1, 4):  # as a team saves
            held.session_data = tokens(turn * 10, **{f"turn{turn}": 1})
            await db.sessions.upsert(copy.copy(held))
            held.session_data = {**held.session_data, **tokens(turn * 10 + 5)}
            await db.sessions.upsert(held)
        assert await data_of(db) == tokens(35, turn3=1)

    @pytest.mark.parametrize(
        "copied", [copy.deepcopy, lambda held: pickle.loads(pickle.dumps(held))], ids=["deepcopy", "pickle"]
    )
    async def test_copies_of_their_own_are_holders_of_their_own(self, db: Any, copied: Any) -> None:
        held = await db.sessions.upsert(a_session(session_data=tokens(5, kept=1, gone=1)))
        other = copied(held)
        held.session_data = tokens(10, kept=1, mine=1)
        await db.sessions.upsert(held)
        other.session_data = tokens(8, kept=1, gone=1, theirs=1)
        await db.sessions.upsert(other)
        await db.sessions.upsert(held)
        assert await data_of(db) == tokens(13, kept=1, mine=1, theirs=1)

    async def test_who_knows_nothing_of_the_row_deletes_nothing(self, db: Any) -> None:
        held = await db.sessions.upsert(a_session(session_data=tokens(5, kept=1, changed=1)))
        stranger = replace(held, snapshot=Snapshot(), session_data=tokens(9, changed=2, added=1))
        await db.sessions.upsert(stranger)
        assert await data_of(db) == tokens(9, kept=1, changed=2, added=1)
        stranger.session_data = tokens(12, added=1)  # by now they know
        await db.sessions.upsert(stranger)
        await db.sessions.upsert(replace(held, snapshot=Snapshot(), session_data=tokens(3)))
        assert await data_of(db) == tokens(12, kept=1, added=1)

    async def test_two_who_begin_one_session_are_both_heard(self, db: Any, make_db: Any) -> None:
        for own, number in ((db, 1), (await make_db(), 2)):
            await own.sessions.upsert(a_session(session_data=tokens(number, **{f"k{number}": 1, "same": number})))
        assert await data_of(db) == tokens(3, k1=1, k2=1, same=2)

    async def test_an_object_that_is_saved_elsewhere_is_known_there_only(self, db: Any) -> None:
        tables = f"moved_{uuid.uuid4().hex[:8]}"
        async with configured(db, id=None, session_table=tables, runs_table=None) as elsewhere:
            await elsewhere.sessions.upsert(a_session("there", session_data=tokens(100, there=1)))
            for name in ("s", "there"):
                await db.sessions.upsert(a_session(name, session_data=tokens(5, here=1)))
                moved = await db.sessions.get(name)
                await elsewhere.sessions.upsert(moved)
                moved.session_data = tokens(6, here=2)
                await elsewhere.sessions.upsert(moved)
            assert await data_of(elsewhere) == tokens(6, here=2)
            assert await data_of(elsewhere, "there") == tokens(101, there=1, here=2)
            assert await data_of(db, "there") == tokens(5, here=1)

    async def test_agno_objects_carry_what_they_know(self, db: Any) -> None:
        agno = pytest.importorskip("agno.session")
        kinds = {"agent": agno.AgentSession, "team": agno.TeamSession, "workflow": agno.WorkflowSession}
        for kind, made in kinds.items():
            fresh = made(session_id=kind, user_id="alice", created_at=100, session_data=tokens(5, gone=1))
            await db.upsert_session(fresh)
            held, other = [await db.get_session(kind, session_type=kind) for _ in range(2)]
            other.session_data["theirs"] = 1
            other.session_data["session_metrics"]["total_tokens"] += 7
            await db.upsert_session(other)
            shared = copy.copy(held)
            del shared.session_data["gone"]
            shared.session_data["session_metrics"]["total_tokens"] += 1
            await db.upsert_session(shared)
            held.session_data["session_metrics"]["total_tokens"] += 1
            await db.upsert_session(copy.deepcopy(held))
            fresh.session_data = {**fresh.session_data, "fresh": 1}
            await db.upsert_session(fresh)
            expected = tokens(14, theirs=1, fresh=1)
            stored = await db.get_session(kind, session_type=kind)
            assert stored.session_data == expected, kind
            stranger = made.from_dict(stored.to_dict())
            stranger.session_data = tokens(20, fresh=1)
            await db.upsert_session(stranger)
            assert (await db.get_session(kind, session_type=kind)).session_data == {**expected, **tokens(20)}, kind

    # -- what others do meanwhile -----------------------------------------------------------------------------

    async def test_a_name_and_data_that_were_set_meanwhile(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        held = await db.sessions.upsert(a_session(session_data=tokens(5, gone=1, kept=1)))
        held.session_data = {**held.session_data, "mine": 1}
        await other.sessions.rename("s", "named")
        await db.sessions.upsert(held)
        assert await data_of(db) == tokens(5, gone=1, kept=1, mine=1, session_name="named")
        await other.sessions.set_data("s", tokens(2, new=1))
        held.session_data = {**held.session_data, **tokens(8), "kept": 2}
        await db.sessions.upsert(held)
        assert await data_of(db) == tokens(5, new=1, kept=2)

    async def test_one_object_is_saved_to_two_databases(self, db: Any) -> None:
        tables = f"elsewhere_{uuid.uuid4().hex[:8]}"
        async with configured(db, id=None, session_table=tables, runs_table=None) as elsewhere:
            held = a_session(session_data=tokens(10, gone=1))
            for held.session_data in (tokens(10, gone=1), tokens(15, kept=1)):
                for place in (db, elsewhere):
                    await place.sessions.upsert(held)
            assert [await data_of(place) for place in (db, elsewhere)] == [tokens(15, kept=1)] * 2

    async def test_a_session_that_was_inserted_is_known(self, db: Any) -> None:
        held = a_session(session_data=tokens(10, gone=1))
        assert await db.sessions.insert_if_absent(held)
        held.session_data = tokens(12)
        assert (await db.sessions.upsert(held)).session_data == tokens(12)

    async def test_a_session_that_was_deleted_meanwhile(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        held = await db.sessions.upsert(a_session(session_data=tokens(5, kept=1)))
        await other.sessions.delete("s")
        held.session_data = tokens(6, kept=1, mine=1)
        await db.sessions.upsert(held)
        assert await data_of(db) == tokens(6, kept=1, mine=1)
        await other.sessions.delete("s")
        await other.sessions.upsert(a_session(session_data=tokens(100, theirs=1)))
        held.session_data = tokens(8, kept=1, mine=2)
        await db.sessions.upsert(held)
        assert await data_of(db) == tokens(102, theirs=1, mine=2)

    async def test_a_write_that_knows_nothing_of_versions(self, db: Any) -> None:
        """As agno's own adapter writes: the whole document, and nothing of ours."""
        held = await db.sessions.upsert(a_session(session_data=tokens(5, kept=1)))
        await overwrite(db, "sessions", "s", session_data=tokens(9, kept=1, agno=1))
        held.session_data = tokens(6, kept=1, mine=1)
        assert (await db.sessions.upsert(held)).session_data == tokens(10, kept=1, agno=1, mine=1)

    # -- saves that fail, and transactions --------------------------------------------------------------------

    @pytest.mark.parametrize("done", [True, False])
    @pytest.mark.parametrize("first", [True, False])
    async def test_a_save_that_failed_counts_once_when_it_is_made_again(self, db: Any, done: bool, first: bool) -> None:
        async with configured(db, retry_timeout=0.05) as fragile:
            held = a_session(session_data=tokens(5, gone=1))
            if first:
                await fragile.sessions.get("s")
            else:
                await fragile.sessions.upsert(held)
            with injection_of(fragile) as injection:
                refused = next(fault for fault in injection.faults if fault.kind is Kind.FINAL)
                lost = replace(done_and_lost(injection), lasting=True, storing=True)
                for turn in (1, 2):
                    held.session_data = tokens(5 + turn, **{f"turn{turn}": 1})
                    injection.arm(lost if done else refused)
                    with pytest.raises(AgnoDbError) as raised:
                        await fragile.sessions.upsert(held)
                    assert isinstance(raised.value, UnavailableError) or not done
                    injection.arm()
            beside = await db.sessions.get("s")
            there = None if beside is None else used(beside.session_data)
            # Of two that were done without an answer the second one is stored where it read before it wrote.
            assert there in ((6, 7) if done else (None if first else 5,))
            if beside is not None:
                beside.session_data = {**beside.session_data, **tokens(used(beside.session_data) + 100), "theirs": 1}
                await db.sessions.upsert(beside)
            held.session_data = tokens(8, turn3=1)
            await fragile.sessions.upsert(held)
            expected = tokens(8, turn3=1) if beside is None else tokens(108, turn3=1, theirs=1)
            assert await data_of(db) == expected

    async def test_a_save_in_a_transaction_counts_once_whatever_becomes_of_it(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        held = await db.sessions.upsert(a_session(session_data=tokens(0)))
        total = 0
        for turn, stored in enumerate((False, True, True, False, False, True)):
            held.session_data = tokens(used(held.session_data) + 1, **{f"turn{turn}": 1})
            try:
                async with db.transaction() as tx:
                    await tx.sessions.upsert(held)
                    held.session_data = {**held.session_data, **tokens(used(held.session_data) + 1)}
                    await tx.sessions.upsert(held)
                    if not stored:
                        raise LookupError
            except LookupError:
                assert not stored
            if turn % 2:
                beside = await other.sessions.get("s")
                assert (
                    used(beside.session_data)
                    == (used(held.session_data) if stored else used(held.session_data) - 2) + total
                )
                total += 100
                beside.session_data = {**beside.session_data, **tokens(used(beside.session_data) + 100)}
                await other.sessions.upsert(beside)
            if turn > 2:
                await db.sessions.upsert(held)
        assert await data_of(db) == tokens(12 + total, turn5=1)

    async def test_several_sessions_saved_together(self, db: Any) -> None:
        await db.sessions.upsert(a_session("bob's", user_id="bob"))
        agno = pytest.importorskip("agno.session")
        made = agno.AgentSession(session_id="s", user_id="alice", session_data=tokens(1))
        await db.upsert_session(made)
        held = await db.get_session("s", session_type="agent")
        held.session_data["session_metrics"]["total_tokens"] += 1
        for _ in range(2):
            with pytest.raises(OwnershipError):
                await db.upsert_sessions([held, agno.AgentSession(session_id="bob's", user_id="alice")])
        assert await data_of(db) == tokens(1)
        for turn in (2, 3):
            held.session_data["session_metrics"]["total_tokens"] = turn
            await db.upsert_sessions([held, held])
            assert await data_of(db) == tokens(turn)
        held.session_data["session_metrics"]["total_tokens"] = 4
        await db.upsert_session(held)
        assert await data_of(db) == tokens(4)
