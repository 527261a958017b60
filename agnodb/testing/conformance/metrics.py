"""What every backend promises of metrics."""

from __future__ import annotations

import asyncio
import datetime
import random
import time
from collections import Counter
from typing import Any

import pytest

from agnodb.errors import InvalidValueError
from agnodb.filters import Page
from agnodb.records.metrics import TOKEN_FIELDS
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES

DAY = 86400
PAST = 20_000 * DAY
DATE = datetime.date(2024, 10, 4)
NEXT = DATE + datetime.timedelta(days=1)
_Stored = tuple[str | None, int, dict[str, int]]  # owner, time and tokens of a run
COUNTS = tuple(f"{kind}_{what}_count" for kind in ("agent", "team", "workflow") for what in ("sessions", "runs"))


def used(**tokens: int) -> dict[str, Any]:
    """The document of a run that used so many tokens."""
    return {"model": "gpt", "model_provider": "OpenAI", "metrics": {**tokens, "duration": 0.5}}


def _day(epoch: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(epoch, datetime.UTC).date()


async def _session(db: Any, session_id: str = "s", **fields: Any) -> None:
    await db.sessions.upsert(a_session(session_id, **{"created_at": PAST, **fields}))


async def _run(db: Any, run_id: str, document: Any = None, **fields: Any) -> None:
    given = {"user_id": "alice", "created_at": PAST, "run_data": used() if document is None else document, **fields}
    await db.runs.upsert(a_run(run_id, **given))


async def _tokens(db: Any, field: str = "total_tokens") -> dict[tuple[datetime.date, str], int]:
    rows, _ = await db.metrics.page(Page())
    return {(row.date, row.user_id): row.token_metrics[field] for row in rows if row.token_metrics[field]}


async def _check_the_sums(db: Any, stored: dict[str, _Stored]) -> None:
    for name in TOKEN_FIELDS:
        expected: Counter[Any] = Counter()
        for user, created_at, tokens in stored.values():
            expected[_day(created_at), user or ""] += tokens.get(name, 0)
        assert await _tokens(db, name) == {key: number for key, number in expected.items() if number}
    assert sum(row.agent_runs_count for row in (await db.metrics.page(Page()))[0]) == len(stored)


class MetricConformance:
    """Metrics."""

    async def test_without_sessions_there_are_none(self, db: Any) -> None:
        assert await db.calculate_metrics() is None
        assert await db.get_metrics() == ([], None)
        assert await db.metrics.recompute(DATE, NEXT) is None

    async def test_a_row_is_what_agno_makes_of_a_day(self, db: Any) -> None:
        await _session(db)
        await _run(db, "r1", used(input_tokens=3, output_tokens=4, total_tokens=7))
        await _run(db, "r2", used(total_tokens=5, reasoning_tokens=1))
        (row,) = await db.calculate_metrics()
        assert [row.pop(name) for name in COUNTS] == [1, 2, 0, 0, 0, 0]
        tokens = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 12, "reasoning_tokens": 1}
        assert row.pop("token_metrics") == {**dict.fromkeys(TOKEN_FIELDS, 0), **tokens}
        assert row.pop("model_metrics") == [{"model_id": "gpt", "model_provider": "OpenAI", "count": 2}]
        assert all(0 <= time.time() - row.pop(name) < 60 for name in ("created_at", "updated_at"))
        assert row.pop("id")
        assert row == {
            "users_count": 1,
            "date": DATE,
            "aggregation_period": "daily",
            "user_id": "alice",
            "completed": True,
        }

    async def test_sessions_and_runs_count_by_type_owner_and_their_own_day(self, db: Any) -> None:
        for kind in ("agent", "team", "workflow"):
            await _session(db, kind, session_type=kind)
            await _run(db, kind, session_id=kind, run_type=kind, created_at=PAST + DAY)
        await _session(db, "nobody's", user_id=None)
        await db.calculate_metrics()
        rows, total = await db.metrics.page(Page())
        counts = {(row.date, row.user_id, row.users_count): [getattr(row, name) for name in COUNTS] for row in rows}
        assert total == 3
        assert counts == {
            (DATE, "alice", 1): [1, 0, 1, 0, 1, 0],
            (NEXT, "alice", 1): [0, 1, 0, 1, 0, 1],
            (DATE, "", 0): [1, 0, 0, 0, 0, 0],
        }

    async def test_a_day_is_a_day_in_utc(self, db: Any) -> None:
        await _session(db)
        for run_id, created_at in (("a", PAST - 1), ("b", PAST), ("c", PAST + DAY - 1), ("d", PAST + DAY)):
            await _run(db, run_id, used(total_tokens=1), created_at=created_at)
        await _run(db, "before 1970", used(total_tokens=5), created_at=-1)
        await _session(db, "today", created_at=int(time.time()))
        assert [row["date"] for row in await db.calculate_metrics() if not row["completed"]] == [_day(time.time())]
        assert await _tokens(db) == {
            (datetime.date(1969, 12, 31), "alice"): 5,
            (DATE - datetime.timedelta(days=1), "alice"): 1,
            (DATE, "alice"): 2,
            (NEXT, "alice"): 1,
        }

    async def test_members_and_steps_count_once(self, db: Any) -> None:
        await _session(db, session_type="team")
        members = [{"run_id": "m", **used(total_tokens=20)}]
        await _run(db, "t", {**used(total_tokens=10), "member_responses": members}, run_type="team")
        await _run(db, "m", used(total_tokens=20), parent_run_id="t")
        steps = {
            "one": {"step_name": "one", "executor_type": "agent", "metrics": {"total_tokens": 300}},
            "two": {"step_name": "two", "executor_type": "team", "metrics": {"total_tokens": 400}},
            "none": {"step_name": "none", "executor_type": "function", "metrics": None},
        }
        executed = [{"run_id": "x", **used(total_tokens=300)}]
        document = {"metrics": {"steps": steps, "duration": 1.5}, "step_executor_runs": executed}
        await _run(db, "w", document, run_type="workflow")
        await db.calculate_metrics()
        assert await _tokens(db) == {(DATE, "alice"): 730}

    async def test_a_session_that_grows_counts_on_the_days_of_its_runs(self, db: Any) -> None:
        await _session(db)
        await _run(db, "r1", used(total_tokens=10))
        await db.metrics.refresh()
        await _run(db, "r2", used(total_tokens=1000), created_at=PAST + DAY)
        await db.metrics.refresh()
        assert await _tokens(db) == {(DATE, "alice"): 10, (NEXT, "alice"): 1000}

    async def test_a_late_change_reaches_a_completed_day(self, db: Any) -> None:
        await _session(db)
        await _run(db, "r", used(total_tokens=10))
        (before,) = await db.metrics.refresh()
        await _run(db, "r", used(total_tokens=30))
        (after,) = await db.metrics.refresh()
        assert (before.completed, after.id) == (True, before.id)
        assert await _tokens(db) == {(DATE, "alice"): 30}

    async def test_a_claimed_run_changes_owners_in_the_metrics(self, db: Any) -> None:
        await _session(db, user_id=None)
        await _run(db, "r", used(total_tokens=10), user_id=None)
        await db.metrics.refresh()
        assert await _tokens(db) == {(DATE, ""): 10}
        await _session(db, user_id="bob")
        await _run(db, "r", used(total_tokens=10), user_id="bob")
        assert [row.user_id for row in await db.metrics.refresh()] == ["bob"]
        assert await _tokens(db) == {(DATE, "bob"): 10}

    async def test_deletions_are_noticed(self, db: Any) -> None:
        await _session(db)
        await _session(db, "other", user_id="bob")
        await _run(db, "r1", used(total_tokens=10))
        await _run(db, "r2", used(total_tokens=10))
        await db.calculate_metrics()
        await db.runs.delete("r1")
        await db.calculate_metrics()
        assert await _tokens(db) == {(DATE, "alice"): 10}
        await db.sessions.delete("s")
        assert await db.calculate_metrics() == []
        assert [row.user_id for row in (await db.metrics.page(Page()))[0]] == ["bob"]
        await db.sessions.delete("other")
        assert await db.calculate_metrics() == []
        assert await db.calculate_metrics() is None
        assert await db.get_metrics() == ([], None)

    async def test_what_did_not_change_is_not_computed_again(self, db: Any) -> None:
        await _session(db)
        await _session(db, "later", created_at=PAST + DAY)
        assert len(await db.metrics.refresh()) == 2
        assert await db.metrics.refresh() is None
        assert await db.metrics.refresh() is None
        await _run(db, "r", created_at=PAST + DAY)
        (row,) = await db.metrics.refresh()
        assert row.date == NEXT

    async def test_a_range_is_computed_on_demand(self, db: Any) -> None:
        await _session(db)
        await _session(db, "later", created_at=PAST + DAY)
        await db.metrics.refresh()
        assert [row.date for row in await db.metrics.recompute(NEXT, NEXT)] == [NEXT]
        assert len(await db.metrics.recompute(datetime.date.min, datetime.date.max)) == 2

    async def test_the_days_add_up_to_the_runs(self, db: Any) -> None:
        """After any writes and deletes."""
        chance, now = random.Random(7), int(time.time())
        stored: dict[str, _Stored] = {}
        for user in ("alice", "bob", None):
            await _session(db, f"s {user}", user_id=user, created_at=now - 9 * DAY)
        for step in range(48):
            run_id = f"r{chance.randrange(12)}"
            if run_id in stored and chance.random() < 0.3:
                await db.runs.delete(run_id)
                del stored[run_id]
            else:
                fresh: _Stored = (chance.choice(("alice", "bob", None)), now - chance.randrange(3) * DAY, {})
                user, created_at, _ = stored.get(run_id, fresh)
                tokens = {name: chance.randrange(100) for name in chance.sample(TOKEN_FIELDS, 3)}
                stored[run_id] = (user, created_at, tokens)
                await _run(db, run_id, used(**tokens), session_id=f"s {user}", user_id=user, created_at=created_at)
            if step % 8 == 7:
                await db.calculate_metrics()
                await _check_the_sums(db, stored)

    async def test_racing_refreshes_count_once(self, db: Any, make_db: Any) -> None:
        databases = [db, await make_db()]
        for number in range(3):
            await _session(db, f"s{number}", user_id=f"u{number}", created_at=PAST + number * DAY)
            await _run(db, f"r{number}", used(total_tokens=1), session_id=f"s{number}", user_id=f"u{number}")
        await asyncio.gather(*(databases[n % 2].calculate_metrics() for n in range(8)))
        rows, total = await db.metrics.page(Page())
        assert (total, sum(row.token_metrics["total_tokens"] for row in rows)) == (5, 3)

    async def test_a_refresh_is_part_of_its_transaction(self, db: Any) -> None:
        await _session(db)
        with pytest.raises(LookupError):
            async with db.transaction() as tx:
                assert len(await tx.metrics.refresh()) == 1
                raise LookupError
        assert (await db.metrics.page(Page()))[1] == 0

    async def test_no_document_spoils_a_day(self, db: Any) -> None:
        await _session(db)
        for number, value in enumerate(ODD_VALUES):
            await _run(db, f"a{number}", value)
            await _run(db, f"b{number}", {"metrics": value, "model": value, "model_provider": value})
            await _run(db, f"c{number}", {"metrics": {"steps": value}})
            await _run(db, f"d{number}", {"metrics": {"steps": {"x": value}}})
            await _run(db, f"e{number}", {"metrics": {"steps": {"x": {"metrics": value}}}})
        await _run(db, "good", used(total_tokens=5))
        await db.calculate_metrics()
        assert await _tokens(db) == {(DATE, "alice"): 5}
        for number, value in enumerate(("7", None, True, [1], {"a": 1}, float("nan"), float("inf"))):
            await _run(db, f"t{number}", used(total_tokens=value))  # type: ignore[arg-type]
        await db.calculate_metrics()
        assert await _tokens(db) == {(DATE, "alice"): 5}
        for number in range(2):
            await _run(db, f"huge{number}", used(total_tokens=2**63 - 1, input_tokens=-(10**30)))
        await db.calculate_metrics()
        assert await _tokens(db) == {(DATE, "alice"): 2 * 10**15 + 5}

    async def test_owners_are_any_text(self, db: Any) -> None:
        for text in ODD_TEXT:
            await _session(db, text, user_id=text)
        await db.calculate_metrics()
        for text in ODD_TEXT:
            rows, _ = await db.get_metrics(user_id=text)
            assert [row["user_id"] for row in rows] == [text or None]

    async def test_a_time_that_is_no_date_is_left_out(self, db: Any) -> None:
        for number, created_at in enumerate((10**15, -(10**15), 2**62, PAST)):
            await _session(db, f"s{number}", created_at=created_at)
        assert [row["date"] for row in await db.calculate_metrics()] == [DATE]

    async def test_a_reader_gets_days_in_order_and_when_they_were_computed(self, db: Any) -> None:
        for number, user_id in enumerate(("alice", "alice", "alice", None)):
            await _session(db, f"s{number}", created_at=PAST + number % 3 * DAY, user_id=user_id)
        rows, computed = await db.get_metrics()
        assert [row["date"] for row in rows] == [DATE, DATE, NEXT, NEXT + datetime.timedelta(days=1)]
        assert {row["user_id"] for row in rows[:2]} == {"alice", None}
        assert computed == max(row["updated_at"] for row in rows)
        assert [row["date"] for row in (await db.get_metrics(NEXT, NEXT))[0]] == [NEXT]
        assert len((await db.get_metrics(starting_date=NEXT))[0]) == 2
        assert len((await db.get_metrics(ending_date=DATE, user_id="alice"))[0]) == 1
        assert await db.get_metrics(starting_date=datetime.date(2030, 1, 1)) == ([], None)
        assert await db.get_metrics(user_id="bob") == ([], None)
        assert [row["user_id"] for row in (await db.get_metrics(user_id=""))[0]] == [None]

    async def test_readers_refresh_once_in_a_while(self, db: Any, make_db: Any) -> None:
        await _session(db)
        assert len((await db.get_metrics())[0]) == 1
        await _session(db, "later", created_at=PAST + DAY)
        assert len((await db.get_metrics())[0]) == 1
        await _run(db, "r", created_at=PAST + DAY)
        assert len((await db.get_metrics())[0]) == 1
        assert len((await (await make_db()).get_metrics())[0]) == 2

    async def test_pages(self, db: Any) -> None:
        for number in range(5):
            await _session(db, f"s{number}", created_at=PAST + number // 2 * DAY, user_id=f"u{number}")
        await db.metrics.refresh()
        rows, total = await db.metrics.page(Page(2, 2))
        assert (len(rows), total) == (2, 5)
        assert (await db.metrics.page(Page(2, 9))) == ([], 5)
        assert (await db.metrics.page(Page(1, sort_by="date", sort_order="desc")))[0][0].user_id == "u4"
        rows, _ = await db.metrics.page(Page(), from_day=NEXT, to_day=NEXT)
        assert {row.user_id for row in rows} == {"u2", "u3"}

    async def test_wrong_input_is_refused(self, db: Any) -> None:
        for call in (
            db.get_metrics(starting_date="2024-10-04"),
            db.get_metrics(user_id=7),
            db.metrics.recompute(NEXT, DATE),
            db.metrics.recompute("2024-10-04", DATE),
            db.metrics.page(Page(sort_by="user_id")),
            db.metrics.page(Page(-1)),
        ):
            with pytest.raises(InvalidValueError):
                await call
