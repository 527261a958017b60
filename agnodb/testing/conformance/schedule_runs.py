"""What every backend promises of schedule runs."""

from __future__ import annotations

from typing import Any

import pytest

from agnodb.errors import DuplicateKeyError, InvalidValueError, NotFoundError
from agnodb.records.schedule_runs import ScheduleRunRecord
from agnodb.records.schedules import ScheduleRecord
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES


def a_run(key: str = "r", **fields: Any) -> ScheduleRunRecord:
    """A run of the schedule "s", for alice unless `fields` say otherwise."""
    given = {"schedule_id": "s", "user_id": "alice", "triggered_at": 100, "created_at": 100, **fields}
    return ScheduleRunRecord(id=key, **given)


async def with_schedules(db: Any, *schedule_ids: str) -> Any:
    """`db`, with schedules."""
    for schedule_id in schedule_ids or ("s",):
        await db.repositories.schedules.create(
            ScheduleRecord(id=schedule_id, name=schedule_id, endpoint="/e", cron_expr="", user_id="alice")
        )
    return db


class ScheduleRunsConformance:
    """Schedule runs."""

    async def test_a_run_comes_back_as_it_was_saved(self, db: Any) -> None:
        await with_schedules(db)
        saved = a_run(
            attempt=2,
            completed_at=200,
            status="failed",
            status_code=500,
            run_id="x",
            session_id="y",
            error="why",
            input={"i": 1},
            output={"o": 1},
            requirements=[{"q": 1}],
        )
        assert await db.repositories.schedule_runs.create(saved) == saved
        assert await db.repositories.schedule_runs.get("r") == saved

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        await with_schedules(db)
        for number, value in enumerate(ODD_VALUES):
            document = {"value": value, "list": [value]}
            await db.repositories.schedule_runs.create(a_run(str(number), input=document))
            changed = await db.update_schedule_run(str(number), output=document, requirements=[document])
            assert (changed["input"], changed["output"], changed["requirements"]) == (document, document, [document])

    async def test_texts_are_any_text(self, db: Any) -> None:
        await with_schedules(db, *ODD_TEXT)
        for text in ODD_TEXT:
            saved = a_run(text, schedule_id=text, user_id=text, error=text, run_id=text)
            await db.repositories.schedule_runs.create(saved)
            assert await db.repositories.schedule_runs.get(text, user_id=text) == saved
        assert sorted(await db.get_latest_schedule_runs(list(ODD_TEXT))) == sorted(ODD_TEXT)

    async def test_the_data_comes_back_with_its_defaults(self, db: Any) -> None:
        await with_schedules(db)
        created = await db.create_schedule_run({"id": "r", "schedule_id": "s"})
        assert (created["attempt"], created["status"]) == (1, "running")
        assert created["created_at"] > 1_600_000_000
        assert created.items() <= (await db.get_schedule_run("r")).items()

    async def test_what_agno_makes_can_be_stored(self, db: Any) -> None:
        agno = pytest.importorskip("agno.db.schemas.scheduler")
        await with_schedules(db)
        made = agno.ScheduleRun(id="r", schedule_id="s", input={"n": float("inf")}).to_dict()
        assert await db.create_schedule_run(made) == made
        assert await db.get_schedule_run("r") == made

    async def test_a_run_needs_an_id_of_its_own_and_a_schedule(self, db: Any) -> None:
        await with_schedules(db)
        await db.repositories.schedule_runs.create(a_run())
        with pytest.raises(DuplicateKeyError):
            await db.create_schedule_run(a_run(user_id="bob").to_dict())
        with pytest.raises(NotFoundError):
            await db.create_schedule_run(a_run("other", schedule_id="nobody").to_dict())
        assert await db.get_schedule_runs("s") == ([a_run().to_dict()], 1)

    async def test_an_unknown_run_is_none(self, db: Any) -> None:
        assert await db.get_schedule_run("nobody") is None
        assert await db.update_schedule_run("nobody", status="success") is None
        assert await db.update_schedule_run("nobody") is None
        assert await db.get_schedule_runs("nobody") == ([], 0)
        assert await db.get_latest_schedule_runs(["nobody"]) == {}
        assert await db.get_latest_schedule_runs([]) == {}
        assert await db.delete_schedule_runs("nobody", before=10**10) == 0

    async def test_wrong_input_is_refused(self, db: Any) -> None:
        await with_schedules(db)
        await db.repositories.schedule_runs.create(a_run())
        for wrong in ({"nonsense": 1}, {"id": "b"}, None, {**a_run("b").to_dict(), "attempt": "one"}):
            with pytest.raises(InvalidValueError):
                await db.create_schedule_run(wrong)
        for wrong in ({"nonsense": 1}, {"status": None}, {"completed_at": "now"}):
            with pytest.raises(InvalidValueError):
                await db.update_schedule_run("r", **wrong)
        for wrong in ({"page": 0}, {"limit": -1}, {"user_id": 7}):
            with pytest.raises(InvalidValueError):
                await db.get_schedule_runs("s", **wrong)
        with pytest.raises(InvalidValueError):
            await db.delete_schedule_runs("s", before=None)
        with pytest.raises(InvalidValueError):
            await db.get_latest_schedule_runs(["s", None])
        assert await db.get_schedule_runs("s") == ([a_run().to_dict()], 1)

    async def test_an_update_changes_what_it_names(self, db: Any) -> None:
        await with_schedules(db)
        await db.repositories.schedule_runs.create(a_run())
        changed = await db.update_schedule_run("r", status="success", completed_at=200, run_id="x")
        assert changed == a_run(status="success", completed_at=200, run_id="x").to_dict()
        assert await db.get_schedule_run("r") == changed
        assert await db.update_schedule_run("r") == changed

    async def test_the_owner_never_changes(self, db: Any) -> None:
        await with_schedules(db, "s", "other")
        await db.repositories.schedule_runs.create(a_run())
        for fixed in ({"user_id": "bob"}, {"user_id": None}, {"schedule_id": "other"}, {"id": "b"}, {"created_at": 1}):
            with pytest.raises(InvalidValueError):
                await db.update_schedule_run("r", status="success", **fixed)
        assert await db.repositories.schedule_runs.get("r") == a_run()

    async def test_another_users_run_is_not_seen(self, db: Any) -> None:
        await with_schedules(db)
        await db.repositories.schedule_runs.create(a_run())
        assert await db.get_schedule_run("r", user_id="bob") is None
        assert await db.get_schedule_runs("s", user_id="bob") == ([], 0)
        assert (await db.get_schedule_runs("s", user_id="alice"))[1] == 1

    async def test_a_page_has_its_rows_and_the_number_of_all(self, db: Any) -> None:
        await with_schedules(db, "s", "other")
        await db.repositories.schedule_runs.create(a_run("else", schedule_id="other"))
        for number in range(7):
            await db.repositories.schedule_runs.create(a_run(f"r{number}", created_at=number // 2))
        for page, expected in ((1, ["r6", "r5", "r4"]), (2, ["r3", "r2", "r1"]), (3, ["r0"]), (4, [])):
            rows, total = await db.get_schedule_runs("s", limit=3, page=page)
            assert ([row["id"] for row in rows], total) == (expected, 7)

    async def test_the_latest_run_is_the_one_triggered_last(self, db: Any) -> None:
        await with_schedules(db, "s", "tie", "untriggered", "empty", "unasked")
        for run_id, schedule_id, triggered_at, created_at in (
            ("a", "s", 300, 1),
            ("b", "s", 200, 9),
            ("c", "s", None, 999),
            ("d", "tie", 5, 5),
            ("e", "tie", 5, 6),
            ("f", "tie", 5, 6),
            ("g", "untriggered", None, 2),
            ("h", "untriggered", None, 1),
            ("i", "unasked", 1, 1),
        ):
            run = a_run(run_id, schedule_id=schedule_id, triggered_at=triggered_at, created_at=created_at)
            await db.repositories.schedule_runs.create(run)
        latest = await db.get_latest_schedule_runs(["s", "tie", "untriggered", "empty", "s"])
        assert {schedule_id: run["id"] for schedule_id, run in latest.items()} == {
            "s": "a",
            "tie": "f",
            "untriggered": "g",
        }
        assert latest["s"] == await db.get_schedule_run("a")

    async def test_old_runs_are_deleted(self, db: Any) -> None:
        await with_schedules(db, "s", "other")
        for run_id, fields in (
            ("old", {"completed_at": 99}),
            ("edge", {"completed_at": 100}),
            ("running", {}),
            ("else", {"completed_at": 99, "schedule_id": "other"}),
        ):
            await db.repositories.schedule_runs.create(a_run(run_id, **fields))
        assert await db.delete_schedule_runs("s", before=100) == 1
        assert await db.get_schedule_run("old") is None
        assert [(await db.get_schedule_runs(schedule_id))[1] for schedule_id in ("s", "other")] == [2, 1]
