"""A team whose tool waits for a human: the run pauses, the database keeps the question, another process goes on."""

import asyncio

from agno.agent import Agent
from agno.approval import approval
from agno.team import Team
from agno.tools import tool
from place import open_database

from agnodb.demo.model import OfflineModel


@approval
@tool(requires_confirmation=True)
def refund_order(order: str) -> str:
    """Pay an order back."""
    return f"order {order} is paid back"


def cashiers(db: object) -> Team:
    """A fresh team: what it knows of earlier runs is in the database."""
    clerk = Agent(id="clerk", name="Clerk", role="looks things up", model=OfflineModel(), telemetry=False)
    return Team(id="cashiers", members=[clerk], model=OfflineModel(), tools=[refund_order], db=db, telemetry=False)


async def main() -> None:
    """Ask, approve, and go on with nothing but the run's id."""
    async with open_database() as db:
        asked = {"session_id": "refunds", "user_id": "bob"}
        paused = await cashiers(db).arun("refund_order with order A-17", **asked)
        [waiting], _ = await db.get_approvals(status="pending", run_id=paused.run_id)
        print(f"{paused.status.value}: {waiting['tool_name']} {waiting['tool_args']}")
        await db.update_approval(waiting["id"], expected_status="pending", status="approved", resolved_by="carol")
        done = await cashiers(db).acontinue_run(run_id=paused.run_id, **asked)
        print(f"{done.status.value}: {done.content}")


if __name__ == "__main__":
    asyncio.run(main())
