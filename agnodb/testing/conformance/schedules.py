"""What every backend promises of schedules."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agnodb import clock
from agnodb.errors import DuplicateKeyError, InvalidValueError
from agnodb.records.schedule_runs import ScheduleRunRecord
from agnodb.records.schedules import PROVENANCE, ScheduleRecord
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES


def a_schedule(schedule_id: str = "s", **fields: Any) -> ScheduleRecord:
    """A schedule that is due since second 10, owned by alice and named like its id unless `fields` say otherwise."""
    given = {
        "name": schedule_id,
        "endpoint": "/agents/a/runs",
        "cron_expr": "* * * * *",
        "user_id": "alice",
        "next_run_at": 10,
        "created_at": 100,
        **fields,
    }
    return ScheduleRecord(id=schedule_id, **given)


class SchedulesConformance:
    """Schedules."""

    async def test_a_schedule_comes_back_as_it_was_saved(self, db: Any) -> None:
        saved = a_schedule(
            description="d",
            method="GET",
            payload={"p": [1]},
            timezone="Europe/Berlin",
            timeout_seconds=1,
            max_retries=2,
            retry_delay_seconds=3,
            enabled=False,
            locked_by="w",
            locked_at=20,
            disabled_reason="why",
            updated_at=200,
            **dict.fromkeys(PROVENANCE, "x"),
        )
        assert await db.repositories.schedules.create(saved) == saved
        assert await db.repositories.schedules.get("s") == saved

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        for number, value in enumerate(ODD_VALUES):
            payload = {"value": value, "list": [value]}
            await db.repositories.schedules.create(a_schedule(str(number), payload=payload))
            assert (await db.repositories.schedules.get(str(number))).payload == payload
            assert (await db.update_schedule(str(number), payload=[payload]))["payload"] == [payload]

    async def test_texts_are_any_text(self, db: Any) -> None:
        for text in ODD_TEXT:
            saved = a_schedule(text, user_id=text, description=text, endpoint=f"/agents/{text}/runs")
            await db.repositories.schedules.create(saved)
            assert await db.repositories.schedules.get_by_name(text, user_id=text) == saved
            assert await db.disable_schedules_for_target("agent", text, text) == 1
            assert (await db.get_schedule(text, user_id=text))["disabled_reason"] == text
            assert await db.delete_schedule(text, user_id=text)

    async def test_the_data_comes_back_with_its_defaults(self, db: Any) -> None:
        data = {"id": "s", "name": "n", "endpoint": "/e", "cron_expr": "* * * * *"}
        created = await db.create_schedule(data)
        assert created.items() >= {**data, "method": "POST", "timezone": "UTC", "enabled": True}.items()
        assert created.items() <= (await db.get_schedule("s")).items()
        assert created["created_at"] > 1_600_000_000
        assert "created_at" not in data

    async def test_what_agno_makes_can_be_stored(self, db: Any) -> None:
        agno = pytest.importorskip("agno.db.schemas.scheduler")
        made = agno.Schedule(id="s", name="n", cron_expr="", endpoint="/e", payload={"n": float("inf")}).to_dict()
        assert await db.create_schedule(made) == made
        assert agno.Schedule.from_dict(await db.get_schedule("s")).to_dict() == made

    async def test_a_taken_id_is_refused(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule())
        with pytest.raises(DuplicateKeyError):
            await db.create_schedule(a_schedule(name="other", user_id="bob").to_dict())
        assert await db.repositories.schedules.get("s") == a_schedule()

    async def test_a_name_is_taken_once_per_owner(self, db: Any) -> None:
        for schedule_id, user_id in (("a", "alice"), ("b", "bob"), ("n", None)):
            await db.repositories.schedules.create(a_schedule(schedule_id, name="name", user_id=user_id))
            with pytest.raises(DuplicateKeyError):
                await db.repositories.schedules.create(a_schedule("other", name="name", user_id=user_id))
            assert (await db.get_schedule_by_name("name", user_id=user_id))["id"] == schedule_id
        await db.repositories.schedules.create(a_schedule("other"))
        with pytest.raises(DuplicateKeyError):
            await db.update_schedule("other", name="name")
        assert (await db.get_schedule("other"))["name"] == "other"

    async def test_concurrent_creations_of_a_name_make_one(self, db: Any, make_db: Any) -> None:
        databases = [db, await make_db()] * 4
        answers = await asyncio.gather(
            *(
                database.repositories.schedules.create(a_schedule(str(number), name="name", user_id=None))
                for number, database in enumerate(databases)
            ),
            return_exceptions=True,
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["DuplicateKeyError"] * 7 + ["ScheduleRecord"]

    async def test_an_unknown_schedule_is_none(self, db: Any) -> None:
        assert await db.get_schedule("nobody") is None
        assert await db.get_schedule_by_name("nobody") is None
        assert await db.get_schedules(raise_on_error=True) == ([], 0)
        assert await db.update_schedule("nobody", name="n") is None
        assert not await db.delete_schedule("nobody")
        assert await db.disable_schedules_for_target("agent", "nobody") == 0
        assert not await db.stamp_schedule_provenance("nobody", managed_by="studio")
        assert await db.claim_due_schedule("w") is None
        assert not await db.release_schedule("nobody")

    async def test_wrong_input_is_refused(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule())
        for wrong in (
            {"nonsense": 1},
            {"id": "b"},
            None,
            {**a_schedule("b").to_dict(), "nonsense": 1},
            {**a_schedule("b").to_dict(), "enabled": "yes"},
            {**a_schedule("b").to_dict(), "timezone": None},
        ):
            with pytest.raises(InvalidValueError):
                await db.create_schedule(wrong)
        for wrong in ({"page": 0}, {"limit": -1}, {"enabled": "yes"}, {"user_id": 7}):
            with pytest.raises(InvalidValueError):
                await db.get_schedules(**wrong)
        for worker, grace in ((None, 300), (7, 300), ("w", -1), ("w", None)):
            with pytest.raises(InvalidValueError):
                await db.claim_due_schedule(worker, lock_grace_seconds=grace)
        for wrong in ({"next_run_at": "soon"}, {"worker_id": 7}, {"locked_at": "now"}):
            with pytest.raises(InvalidValueError):
                await db.release_schedule("s", **wrong)
        assert await db.get_schedules() == ([a_schedule().to_dict()], 1)

    # -- changes ----------------------------------------------------------------------------------------------

    async def test_an_update_changes_what_it_names(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule(payload={"p": 1}))
        changed = await db.update_schedule("s", user_id="alice", name="n", timeout_seconds=7, payload=None)
        expected = a_schedule(name="n", timeout_seconds=7).to_dict()
        assert changed == {**expected, "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > 100
        assert await db.get_schedule("s") == changed

    async def test_an_update_refuses_what_is_not_its_business(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule())
        target = {"target_type": "agent", "target_id": "b"}
        for wrong in (
            {"id": "b"},
            {"created_at": 1},
            {"updated_at": 1},
            {"locked_by": None},
            {"locked_at": 1},
            {"managed_by": "me"},
            {"created_by_run_id": "r"},
            {"nonsense": 1},
            target,
            {"enabled": 1},
            {"name": None},
            {"endpoint": "/agents/c/runs", **target},
            {"endpoint": "/agents/b/runs\n", **target},
            {"endpoint": "/agents/b/runs", "target_id": "b"},
            {"endpoint": 7, **target},
        ):
            with pytest.raises(InvalidValueError):
                await db.update_schedule("s", **wrong)
        with pytest.raises(InvalidValueError):
            await db.repositories.schedules.update("s", {"user_id": "bob"})
        assert await db.repositories.schedules.get("s") == a_schedule()

    async def test_a_target_may_follow_its_endpoint(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule())
        target = {"target_type": "team", "target_id": "b"}
        assert (await db.update_schedule("s", endpoint="/teams/b/runs/", **target)).items() >= target.items()
        cleared = {"target_type": None, "target_id": None}
        assert (await db.update_schedule("s", endpoint="/else", **cleared)).items() >= cleared.items()

    async def test_enabling_clears_the_reason(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule())
        assert (await db.update_schedule("s", enabled=False, disabled_reason="why"))["disabled_reason"] == "why"
        assert (await db.update_schedule("s", name="n"))["disabled_reason"] == "why"
        assert (await db.update_schedule("s", enabled=True))["disabled_reason"] is None

    async def test_another_users_schedule_is_never_changed(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule())
        await db.repositories.schedule_runs.create(ScheduleRunRecord(id="r", schedule_id="s", user_id="bob"))
        assert await db.get_schedule("s", user_id="bob") is None
        assert await db.get_schedule_by_name("s", user_id="bob") is None
        assert await db.get_schedule_by_name("s") is None
        assert await db.get_schedules(user_id="bob") == ([], 0)
        assert await db.update_schedule("s", user_id="bob", name="stolen") is None
        assert not await db.delete_schedule("s", user_id="bob")
        assert await db.repositories.schedules.get("s") == a_schedule()
        assert await db.repositories.schedule_runs.get("r") is not None

    async def test_provenance_is_stamped(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule())
        given = dict.fromkeys(PROVENANCE, "x")
        assert await db.stamp_schedule_provenance("s", **given)
        stamped = await db.get_schedule("s")
        assert stamped == {**a_schedule().to_dict(), **given, "updated_at": stamped["updated_at"]}
        for wrong in ("user_id", "name", "locked_by", "enabled", "nonsense"):
            with pytest.raises(InvalidValueError):
                await db.stamp_schedule_provenance("s", **{wrong: "x"})
        assert await db.get_schedule("s") == stamped

    async def test_a_target_disables_its_schedules(self, db: Any) -> None:
        aimed = {"target_type": "agent", "target_id": "a%", "endpoint": "/else"}
        for schedule_id, fields in (
            ("target", {**aimed, "user_id": None}),
            ("endpoint", {"endpoint": "/agents/a%/runs"}),
            ("slash", {"endpoint": "/agents/a%/runs/", "user_id": "bob"}),
            ("other", {"endpoint": "/agents/ab/runs"}),
            ("team", {**aimed, "target_type": "team"}),
            ("idle", {**aimed, "enabled": False, "disabled_reason": "before"}),
        ):
            await db.repositories.schedules.create(a_schedule(schedule_id, **fields))
        assert await db.disable_schedules_for_target("agent", "a%", reason="why") == 3
        assert await db.disable_schedules_for_target("agent", "a%", reason="again") == 0
        rows, _ = await db.get_schedules(enabled=False)
        assert {row["id"]: row["disabled_reason"] for row in rows} == {
            "target": "why",
            "endpoint": "why",
            "slash": "why",
            "idle": "before",
        }

    async def test_a_schedule_is_deleted_with_its_runs(self, db: Any) -> None:
        for schedule_id in ("s", "other"):
            await db.repositories.schedules.create(a_schedule(schedule_id))
            await db.repositories.schedule_runs.create(ScheduleRunRecord(id=schedule_id, schedule_id=schedule_id))
        assert await db.delete_schedule("s", user_id="alice")
        assert await db.get_schedule("s") is None
        assert await db.get_schedule_run("s") is None
        assert await db.get_schedule_run("other") is not None

    # -- claims -----------------------------------------------------------------------------------------------

    async def test_the_earliest_due_schedule_is_claimed_first(self, db: Any) -> None:
        now = clock.now()
        for schedule_id, fields in (
            ("second", {"next_run_at": now - 5}),
            ("first", {"next_run_at": now - 50}),
            ("none", {"next_run_at": None}),
            ("later", {"next_run_at": now + 1000}),
            ("off", {"enabled": False}),
            ("third", {"next_run_at": now - 5}),
            ("held", {"locked_by": "v", "locked_at": now}),
            ("on demand", {"cron_expr": "", "next_run_at": now - 1}),
        ):
            await db.repositories.schedules.create(a_schedule(schedule_id, **fields))
        claims = [await db.claim_due_schedule("w") for _ in range(4)]
        assert [claim["id"] for claim in claims] == ["first", "second", "third", "on demand"]
        assert all(claim["locked_by"] == "w" and claim["locked_at"] >= now for claim in claims)
        assert await db.get_schedule("first") == claims[0]
        assert await db.claim_due_schedule("w") is None

    async def test_no_schedule_is_claimed_twice(self, db: Any, make_db: Any) -> None:
        for number in range(6):
            await db.repositories.schedules.create(a_schedule(str(number), next_run_at=number))
        databases = [db, await make_db()] * 8
        claims = await asyncio.gather(
            *(database.claim_due_schedule(f"w{number}") for number, database in enumerate(databases))
        )
        # A worker may find every schedule in other hands; what was claimed has one owner each.
        claimed = [claim["id"] for claim in claims if claim is not None]
        assert len(claimed) == len(set(claimed))
        while (claim := await db.claim_due_schedule("last")) is not None:
            claimed.append(claim["id"])
        assert sorted(claimed) == ["0", "1", "2", "3", "4", "5"]

    async def test_a_stale_lock_counts_as_given_up(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule(locked_by="dead", locked_at=clock.now() - 100))
        assert await db.claim_due_schedule("w", lock_grace_seconds=500) is None
        claimed = await db.claim_due_schedule("w", lock_grace_seconds=100)
        assert claimed["locked_by"] == "w"
        assert await db.claim_due_schedule("v", lock_grace_seconds=100) is None

    async def test_a_release_sets_when_it_is_due_again(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule())
        claimed = await db.claim_due_schedule("w")
        held = {"worker_id": "w", "locked_at": claimed["locked_at"]}
        assert await db.release_schedule("s", 10**10, **held)
        released = await db.get_schedule("s")
        assert released == {**a_schedule(next_run_at=10**10).to_dict(), "updated_at": released["updated_at"]}
        assert await db.release_schedule("s")
        assert (await db.get_schedule("s"))["next_run_at"] == 10**10

    async def test_a_claim_that_is_over_releases_nothing(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule(locked_by="w", locked_at=50))
        claimed = await db.claim_due_schedule("v")
        assert claimed["locked_by"] == "v"
        for held in (
            {"worker_id": "w"},
            {"locked_at": 50},
            {"worker_id": "w", "locked_at": claimed["locked_at"]},
            {"worker_id": "v", "locked_at": 50},
        ):
            assert not await db.release_schedule("s", next_run_at=1, **held)
        assert await db.get_schedule("s") == claimed
        assert await db.release_schedule("s", worker_id="v")

    async def test_a_schedule_on_demand_is_never_due_again(self, db: Any) -> None:
        await db.repositories.schedules.create(a_schedule(cron_expr=""))
        assert (await db.claim_due_schedule("w"))["next_run_at"] == 10
        assert await db.release_schedule("s", next_run_at=20, worker_id="w")
        released = await db.get_schedule("s")
        assert (released["next_run_at"], released["locked_by"], released["enabled"]) == (None, None, True)

    # -- lists ------------------------------------------------------------------------------------------------

    async def test_a_page_has_its_rows_and_the_number_of_all(self, db: Any) -> None:
        for number in range(7):
            owner = "bob" if number == 3 else "alice"
            schedule = a_schedule(f"s{number}", created_at=number // 2, enabled=number != 5, user_id=owner)
            await db.repositories.schedules.create(schedule)
        for page, expected in ((1, ["s6", "s5", "s4"]), (2, ["s3", "s2", "s1"]), (3, ["s0"]), (4, [])):
            rows, total = await db.get_schedules(limit=3, page=page)
            assert ([row["id"] for row in rows], total) == (expected, 7)
        for chosen, total in (({"enabled": False}, 1), ({"enabled": True}, 6), ({"user_id": "bob"}, 1)):
            assert (await db.get_schedules(**chosen))[1] == total
        assert await db.get_schedules(enabled=False, user_id="bob") == ([], 0)
