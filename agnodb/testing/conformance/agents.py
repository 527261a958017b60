"""What agno's own agents and teams find in a database when their turns overlap, and when a read of theirs fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agnodb.errors import AgnoDbError
from agnodb.testing.families import injection_of
from agnodb.testing.injection import Kind

RUNS = 8


class AgentConformance:
    """agno's Agent and Team on the database itself. Skipped where agno is not installed."""

    @pytest.mark.parametrize("kind", ["agent", "team"])
    @pytest.mark.parametrize("new", [True, False], ids=["new session", "existing session"])
    async def test_8_turns_at_once_lose_nothing(self, db: Any, kind: str, new: bool) -> None:
        pytest.importorskip("agno")
        from agnodb.testing.agents import COUNTS, Meeting, component, tokens, wanted

        given = {"session_id": "s", "user_id": "alice"}
        keys, runs = [f"k{number}" for number in range(RUNS)], []
        if not new:
            runs.append(await component(kind, _bare(db), Meeting(1)).arun(wanted(kind, "first"), **given))
        one = component(kind, _bare(db), Meeting(RUNS))
        runs += await asyncio.gather(*(one.arun(wanted(kind, key), **given) for key in keys))
        session = await db.get_session("s", user_id="alice")
        kept = keys if new else ["first", *keys]
        assert session.session_data["session_state"] == {key: f"value of {key}" for key in kept}
        assert {run.run_id for run in runs} <= {run.run_id for run in session.runs}
        used = sum((Counter(tokens(run)) for run in runs), Counter[str]())
        assert {name: session.session_data["session_metrics"][name] for name in COUNTS} == used

    @pytest.mark.parametrize("kind", ["agent", "team"])
    async def test_a_read_that_fails_inside_a_turn_leaves_the_session_as_it_was(self, db: Any, kind: str) -> None:
        pytest.importorskip("agno")
        from agnodb.testing.agents import Meeting, component, wanted

        given = {"session_id": "s", "user_id": "alice"}
        await component(kind, _bare(db), Meeting(1)).arun(wanted(kind, "first"), **given)
        before = await db.sessions.get("s"), await db.runs.of_session("s")
        with injection_of(_bare(db)) as injection:
            injection.arm(next(fault for fault in injection.faults if fault.kind is Kind.FINAL))
            lost = component(kind, _bare(db), Meeting(1))
            assert await _fails(lambda: lost.arun(wanted(kind, "lost"), **given))
            injection.arm()
        assert (await db.sessions.get("s"), await db.runs.of_session("s")) == before
        await component(kind, _bare(db), Meeting(1)).arun(wanted(kind, "second"), **given)
        state = (await db.get_session("s")).session_data["session_state"]
        assert set(state) == {"first", "second"}


async def _fails(turn: Callable[[], Awaitable[Any]]) -> bool:
    """Whether a turn raises, at once or when it is awaited, or answers that it has failed: agno does all three."""
    try:
        return bool((await turn()).status.value == "ERROR")
    except AgnoDbError:
        return True


def _bare(db: Any) -> Any:
    """The database that agno takes: of a sync one, not the facade of these tests."""
    return getattr(db, "_database", db)
