"""An application of several hundred turns: on agno's adapter, in the middle on agnodb, then on agno's again."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

from agents import helper, refund_order
from agno.agent import Agent
from agno.team import Team
from agno.workflow import Step, Workflow
from objects import STAMP
from places import Place

from agnodb.demo.model import OfflineModel

ROUNDS = 12
"""Of each part. A round is five turns in each of two users' conversations."""
USERS = ("alice", "bob")


class Application:
    """What a user has built: an agent with approvals, a team, a workflow, schedules, learnings, memories."""

    def __init__(self, db: Any) -> None:
        self.db = db
        member = Agent(id="member", name="Member", role="helps", model=OfflineModel(), telemetry=False)
        self.agent = helper(db, tools=[refund_order], num_history_runs=3)
        self.team = Team(id="team", members=[member], model=OfflineModel(), db=db, telemetry=False)
        steps = [Step(name=name, agent=helper(None, id=name, name=name)) for name in ("think", "write")]
        self.flow = Workflow(id="flow", name="flow", steps=steps, db=db, telemetry=False)

    async def round(self, number: int) -> None:
        """One round of everything, by each user."""
        for user in USERS:
            said: dict[str, Any] = {"user_id": user}
            await self.agent.arun(f"I am {user}, turn {number}", session_id=f"{user} agent", **said)
            await self.team.arun(f"turn {number}", session_id=f"{user} team", **said)
            await self.flow.arun(f"turn {number}", session_id=f"{user} flow", **said)
            state = {f"key {number}": number}
            await self.agent.arun("hello", session_id=f"{user} state", session_state=state, **said)
            paused = await self.agent.arun(f"refund_order with order {number}", session_id=f"{user} orders", **said)
            await self._decide(paused.run_id, approved=number % 2 == 0)
            await self._learn(user, number)
        await self._schedule(number)
        await self.db.calculate_metrics()

    async def _decide(self, run_id: str, *, approved: bool) -> None:
        [waiting], _ = await self.db.get_approvals(run_id=run_id)
        status = "approved" if approved else "rejected"
        await self.db.update_approval(waiting["id"], expected_status="pending", status=status, resolved_by="boss")

    async def _learn(self, user: str, number: int) -> None:
        content = {"name": user, "turns": number}
        await self.db.upsert_learning(f"{user} profile", "user_profile", content, user_id=user, namespace="user")

    async def _schedule(self, number: int) -> None:
        schedule = {
            "id": f"schedule {number}", "name": f"daily {number}", "method": "POST", "endpoint": "/x",
            "cron_expr": "0 9 * * *", "timezone": "UTC", "timeout_seconds": 60, "max_retries": 0,
            "retry_delay_seconds": 1, "enabled": True, "next_run_at": STAMP + 10**6, "created_at": STAMP,
        }  # fmt: skip
        await self.db.create_schedule(schedule)
        run = {"id": f"run {number}", "schedule_id": schedule["id"], "attempt": 1, "status": "success"}
        await self.db.create_schedule_run({**run, "created_at": STAMP, "triggered_at": STAMP})

    async def expect(self, rounds: int) -> None:
        """Everything of the first `rounds` rounds is there, in order."""
        for user in USERS:
            for kind in ("agent", "team", "flow", "state", "orders"):
                session = await self.db.get_session(f"{user} {kind}", user_id=user)
                runs = [run for run in session.runs if not getattr(run, "parent_run_id", None)]
                assert len(runs) == rounds, (user, kind)
                if kind in ("agent", "team", "flow"):
                    asked = [
                        run.input.input_content if hasattr(run.input, "input_content") else run.input for run in runs
                    ]
                    assert [str(text).rpartition(" ")[2] for text in asked] == [str(n) for n in range(rounds)]
            session = await self.db.get_session(f"{user} state", user_id=user)
            state = session.session_data["session_state"]
            assert {key: state[key] for key in state if key.startswith("key ")} == {
                f"key {n}": n for n in range(rounds)
            }
            learned = await self.db.get_learning("user_profile", user_id=user, namespace="user")
            assert learned == {"content": {"name": user, "turns": rounds - 1}}
        _, approvals = await self.db.get_approvals(limit=1)
        _, schedules = await self.db.get_schedules(limit=1)
        _, sessions = await self.db.get_sessions(limit=1, deserialize=False)
        assert (approvals, schedules, sessions) == (rounds * 2, rounds, 10)
        days, _ = await self.db.get_metrics()
        assert sum(day["agent_runs_count"] for day in days) == rounds * 2 * 3


@asynccontextmanager
async def on_agnos(place: Place) -> Any:
    db = place.agnos()
    await db._create_all_tables()
    yield db
    await db.close()


async def test_nothing_is_missing_at_any_point(place: Place) -> None:
    parts = (on_agnos, lambda place: place.ours(), on_agnos)
    for part, opened in enumerate(parts):
        async with opened(place) as db:
            application = Application(db)
            if part:
                await application.expect(part * ROUNDS)
            for number in range(part * ROUNDS, (part + 1) * ROUNDS):
                await application.round(number)
            await application.expect((part + 1) * ROUNDS)
    async with place.ours() as db:
        await Application(db).expect(len(parts) * ROUNDS)
