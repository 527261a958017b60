"""What every backend promises of the order of lists: rows that sort alike come in one order, on whatever page."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

from agnodb.filters import LISTINGS, Page
from agnodb.records.base import Record
from agnodb.testing.conformance.approvals import an_approval
from agnodb.testing.conformance.eval_runs import an_eval
from agnodb.testing.conformance.knowledge import a_content
from agnodb.testing.conformance.learnings import a_learning
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.schedule_runs import a_run as a_schedule_run
from agnodb.testing.conformance.schedules import a_schedule
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.traces import a_span, a_trace

KEYS = [f"k{number}" for number in range(7)]
PER_PAGE = 3

WRITTEN_NOW = {("runs", "updated_at")}
"""Times that are the database's own: rows that were written after one another need not be alike."""

Pages = Callable[[int | None, int | None], Awaitable[tuple[list[Any], int]]]
"""What gives the keys of the page of a limit and a number, and the number of all rows."""


def _alike(key: str) -> list[tuple[str, str, Record]]:
    """A row of every concept with the key `key`, and all else alike: the concept, how it is written, the record."""
    same: Any = {"created_at": 100, "updated_at": 100}
    return [
        # Every run is the first of a session of its own: runs of one session never sort alike.
        ("sessions", "upsert", a_session(key, user_id=key, created_at=100)),
        ("runs", "upsert", a_run(key, session_id=key, created_at=100)),
        ("memories", "upsert", a_memory(key, user_id=key, **same)),
        ("knowledge", "upsert", a_content(key, **same)),
        ("eval_runs", "create", an_eval(key, **same)),
        ("traces", "upsert", a_trace(key, name=key, session_id=key, agent_id=key, team_id=key, workflow_id=key)),
        ("traces", "upsert", a_trace(f"{key} of nobody", name=key, session_id=None, agent_id=None)),
        ("approvals", "create", an_approval(key, **same)),
        ("schedules", "create", a_schedule(key, **same)),
        ("learnings", "upsert", a_learning(key, user_id=key, **same)),
    ]


async def _fill(db: Any) -> None:
    """Seven rows of every concept, stored in no order."""
    keys = random.Random(5).sample(KEYS, len(KEYS))
    for key in keys:
        for concept, write, record in _alike(key):
            await getattr(getattr(db.repositories, concept), write)(record)
    await db.repositories.spans.create_many([a_span(key, name=key, trace_id=key) for key in keys])
    for key in keys:
        await db.repositories.schedule_runs.create(a_schedule_run(key, schedule_id=KEYS[0]))


def _pages(db: Any, concept: str, sort_by: str, order: str) -> Pages:
    repository, key = getattr(db.repositories, concept), LISTINGS[concept].key
    given = {"schedule_id": KEYS[0]} if concept == "schedule_runs" else {}

    async def pages(limit: int | None, page: int | None) -> tuple[list[Any], int]:
        rows, total = await repository.page(Page(limit, page, sort_by, order), **given)
        return [getattr(row, key) for row in rows], total

    return pages


async def _check(pages: Pages, message: Any) -> list[Any]:
    """The keys of the whole list, and the same page by page."""
    whole, total = await pages(None, None)
    assert total == len(whole) == len(set(whole)), message
    paged = [await pages(PER_PAGE, number + 1) for number in range(-(-total // PER_PAGE))]
    assert [key for keys, _ in paged for key in keys] == whole, message
    assert {number for _, number in paged} == {total}, message
    return whole


class OrderConformance:
    """Order of lists."""

    async def test_rows_that_sort_alike_are_in_one_order_on_every_page(self, db: Any) -> None:
        await _fill(db)
        await db.repositories.metrics.refresh()
        for concept in LISTINGS.keys() - {"schema_versions"}:
            for sort_by in (*LISTINGS[concept].sorts, *LISTINGS[concept].scans):
                up, down = [await _check(_pages(db, concept, sort_by, order), concept) for order in ("asc", "desc")]
                assert sorted(up) == sorted(down), (concept, sort_by)
                assert len(up) >= len(KEYS), concept
                if (concept, sort_by) in WRITTEN_NOW:
                    continue
                assert up == sorted(up), (concept, sort_by)
                assert down in (up, up[::-1]), "rows that sort alike come in the order of their keys"

    async def test_groups_that_sort_alike_are_in_one_order_on_every_page(self, db: Any) -> None:
        await _fill(db)
        kinds = {"session": "session_id", "endpoint": "name", **{k: f"{k}_id" for k in ("agent", "team", "workflow")}}
        lasted = ("avg_duration_ms", "p95_duration_ms", "max_duration_ms")
        groups: list[tuple[Any, dict[str, Any], str]] = [
            (db.get_user_memory_stats, {}, "user_id"),
            *((db.get_trace_stats, {"group_by": kind}, name) for kind, name in kinds.items()),
        ]
        for order in ("asc", "desc"):
            for sort_by in ("user_id", "last_learning_updated_at"):
                groups.append((db.get_learnings_user_stats, {"sort_by": sort_by, "sort_order": order}, "user_id"))
            for sort_by in (*lasted, "total_calls", "error_count", "last_called_at"):
                groups.append((db.get_span_stats, {"sort_by": sort_by, "sort_order": order}, "name"))
        for method, given, key in groups:

            async def pages(limit: int | None, page: int | None, *, of: Any = (method, given, key)) -> Any:
                rows, total = await of[0](**of[1], limit=limit, page=page)
                return [row[of[2]] for row in rows], total

            assert len(await _check(pages, given)) == len(KEYS)
