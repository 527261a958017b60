"""What every backend promises of approvals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agnodb.errors import DuplicateKeyError, InvalidValueError
from agnodb.filters import Page
from agnodb.records.approvals import ApprovalRecord
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES


def an_approval(approval_id: str = "a", **fields: Any) -> ApprovalRecord:
    """A pending approval, owned by alice unless `fields` say otherwise."""
    given = {"run_id": "r", "session_id": "s", "user_id": "alice", "created_at": 100, **fields}
    return ApprovalRecord(id=approval_id, **given)


class ApprovalsConformance:
    """Approvals."""

    async def test_an_approval_comes_back_as_it_was_saved(self, db: Any) -> None:
        saved = an_approval(
            source_type="team",
            approval_type="required",
            pause_type="user_input",
            tool_name="t",
            tool_args={"x": 1},
            expires_at=200,
            agent_id="ag",
            team_id="te",
            workflow_id="wo",
            schedule_id="sc",
            schedule_run_id="sr",
            source_name="n",
            requirements=[{"r": 1}],
            context={"c": 1},
            resolution_data={"d": 1},
            resolved_by="bob",
            resolved_at=300,
            updated_at=400,
            run_status="PAUSED",
        )
        assert await db.repositories.approvals.create(saved) == saved
        assert await db.repositories.approvals.get("a") == saved

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        for number, value in enumerate(ODD_VALUES):
            document = {"value": value, "list": [value]}
            await db.repositories.approvals.create(an_approval(str(number), tool_args=document))
            changed = await db.repositories.approvals.update(str(number), {"resolution_data": document})
            assert (changed.tool_args, changed.resolution_data) == (document, document)

    async def test_texts_are_any_text(self, db: Any) -> None:
        for text in ODD_TEXT:
            saved = an_approval(text, run_id=text, user_id=text, tool_name=text)
            await db.repositories.approvals.create(saved)
            assert await db.repositories.approvals.get(text) == saved
            assert (await db.repositories.approvals.page(Page(), user_id=text, run_id=text))[1] == 1
            assert await db.repositories.approvals.set_run_status(text, "COMPLETED") == 1
            assert await db.repositories.approvals.delete(text)

    async def test_the_data_comes_back_with_its_times(self, db: Any) -> None:
        data = {
            "id": "a",
            "run_id": "r",
            "session_id": "s",
            "status": "pending",
            "source_type": "agent",
            "pause_type": "confirmation",
        }
        created = await db.create_approval(data)
        assert created["created_at"] == created["updated_at"] > 1_600_000_000
        assert created.items() >= data.items()
        assert created.items() <= (await db.get_approval("a")).items()
        assert "created_at" not in data

    async def test_given_times_are_kept(self, db: Any) -> None:
        created = await db.create_approval({**an_approval().to_dict(), "updated_at": None})
        assert (created["created_at"], created["updated_at"]) == (100, None)
        assert await db.get_approval("a") == created

    async def test_what_agno_makes_can_be_stored(self, db: Any) -> None:
        agno = pytest.importorskip("agno.db.schemas.approval")
        made = agno.Approval(id="a", run_id="r", session_id="s", tool_args={"n": float("inf")}).to_dict()
        await db.create_approval(made)
        assert await db.get_approval("a") == made

    async def test_a_taken_id_is_refused(self, db: Any) -> None:
        await db.repositories.approvals.create(an_approval())
        with pytest.raises(DuplicateKeyError):
            await db.create_approval(an_approval(user_id="bob", status="approved").to_dict())
        assert await db.repositories.approvals.get("a") == an_approval()

    async def test_an_unknown_approval_is_none(self, db: Any) -> None:
        assert await db.get_approval("nobody") is None
        assert await db.get_approvals() == ([], 0)
        assert await db.update_approval("nobody", status="approved") is None
        assert await db.update_approval("nobody", expected_status="pending", status="approved") is None
        assert not await db.delete_approval("nobody")
        assert await db.get_pending_approval_count() == 0
        assert await db.update_approval_run_status("nobody", "COMPLETED") == 0

    async def test_wrong_input_is_refused(self, db: Any) -> None:
        await db.repositories.approvals.create(an_approval())
        for wrong in (
            {"nonsense": 1},
            {"id": "b"},
            {"id": "b", "run_id": None, "session_id": "s"},
            None,
            {**an_approval("b").to_dict(), "nonsense": 1},
            {**an_approval("b").to_dict(), "expires_at": "soon"},
        ):
            with pytest.raises(InvalidValueError):
                await db.create_approval(wrong)
        for wrong in ({"nonsense": 1}, {"resolved_at": "now"}, {"status": 7}, {"status": None}):
            with pytest.raises(InvalidValueError):
                await db.update_approval("a", **wrong)
        for wrong in ({"page": 0}, {"limit": -1}, {"limit": "7"}, {"status": 7}):
            with pytest.raises(InvalidValueError):
                await db.get_approvals(**wrong)
        for status in (None, 7):
            with pytest.raises(InvalidValueError):
                await db.update_approval_run_status("r", status)
        assert await db.get_approvals() == ([an_approval().to_dict()], 1)

    # -- decisions --------------------------------------------------------------------------------------------

    async def test_an_update_changes_what_it_names(self, db: Any) -> None:
        await db.repositories.approvals.create(an_approval(tool_args={"x": 1}))
        changed = await db.update_approval("a", status="approved", resolved_by="bob", resolved_at=300)
        assert changed["updated_at"] > 100
        expected = an_approval(tool_args={"x": 1}, status="approved", resolved_by="bob", resolved_at=300)
        assert changed == {**expected.to_dict(), "updated_at": changed["updated_at"]}
        assert await db.get_approval("a") == changed

    async def test_the_owner_never_changes(self, db: Any) -> None:
        await db.repositories.approvals.create(an_approval())
        for fixed in ({"user_id": "bob"}, {"user_id": None}, {"id": "b"}, {"created_at": 1}):
            with pytest.raises(InvalidValueError):
                await db.update_approval("a", status="approved", **fixed)
        assert await db.repositories.approvals.get("a") == an_approval()

    async def test_a_decision_is_made_once(self, db: Any) -> None:
        await db.repositories.approvals.create(an_approval())
        assert (await db.update_approval("a", expected_status="pending", status="approved"))["status"] == "approved"
        before = await db.get_approval("a")
        assert await db.update_approval("a", expected_status="pending", status="rejected") is None
        assert await db.get_approval("a") == before

    async def test_of_concurrent_decisions_one_wins(self, db: Any, make_db: Any) -> None:
        await db.repositories.approvals.create(an_approval())
        databases = [db, await make_db()] * 4
        answers = await asyncio.gather(
            *(
                database.update_approval("a", expected_status="pending", status="approved", resolved_by=str(number))
                for number, database in enumerate(databases)
            )
        )
        (winner,) = (answer for answer in answers if answer is not None)
        assert await db.get_approval("a") == winner

    async def test_a_run_status_reaches_all_approvals_of_the_run(self, db: Any) -> None:
        status = pytest.importorskip("agno.run.base").RunStatus
        for approval_id, run_id in (("a", "r"), ("b", "r"), ("c", "other")):
            await db.repositories.approvals.create(an_approval(approval_id, run_id=run_id))
        assert await db.update_approval_run_status("r", status.completed) == 2
        assert await db.update_approval_run_status("other", "ERROR") == 1
        rows, _ = await db.get_approvals()
        statuses = {row["id"]: row["run_status"] for row in rows}
        assert statuses == {"a": "COMPLETED", "b": "COMPLETED", "c": "ERROR"}
        assert all(row["updated_at"] > 100 for row in rows)

    # -- lists ------------------------------------------------------------------------------------------------

    async def test_a_page_has_its_rows_and_the_number_of_all(self, db: Any) -> None:
        for number in range(7):
            await db.repositories.approvals.create(an_approval(f"a{number}", created_at=number // 2))
        for page, expected in ((1, ["a6", "a5", "a4"]), (2, ["a3", "a2", "a1"]), (3, ["a0"]), (4, [])):
            rows, total = await db.get_approvals(limit=3, page=page)
            assert ([row["id"] for row in rows], total) == (expected, 7)

    async def test_every_filter(self, db: Any) -> None:
        fields = (
            "status",
            "source_type",
            "approval_type",
            "pause_type",
            "agent_id",
            "team_id",
            "workflow_id",
            "user_id",
            "schedule_id",
            "run_id",
        )
        await db.repositories.approvals.create(an_approval("one", **dict.fromkeys(fields, "%")))
        await db.repositories.approvals.create(an_approval("two", **dict.fromkeys(fields, "x")))
        for chosen in ({name: "%"} for name in fields):
            rows, total = await db.get_approvals(**chosen)
            assert ([row["id"] for row in rows], total) == (["one"], 1)
        assert (await db.get_approvals(**dict.fromkeys(fields, "x")))[1] == 1
        assert await db.get_approvals(status="%", user_id="x") == ([], 0)

    async def test_pending_approvals_are_counted(self, db: Any) -> None:
        for approval_id, fields in (("a", {}), ("b", {"user_id": "bob"}), ("c", {"status": "approved"})):
            await db.repositories.approvals.create(an_approval(approval_id, **fields))
        assert await db.get_pending_approval_count() == 2
        assert await db.get_pending_approval_count(user_id="alice") == 1
        assert await db.get_pending_approval_count(user_id="carol") == 0

    async def test_a_transaction_stores_all_or_nothing(self, db: Any) -> None:
        async def twice() -> None:
            async with db.transaction() as tx:
                await tx.approvals.create(an_approval())
                await tx.approvals.create(an_approval())

        with pytest.raises(DuplicateKeyError):
            await twice()
        assert await db.get_approvals() == ([], 0)
