"""A tool that needs a human's approval: the run pauses, the database holds the question, the run goes on."""

from __future__ import annotations

import json
import time

from agno.approval import approval
from agno.run.agent import RunOutput
from agno.tools import tool

from agnodb.demo.stage import Stage, check


@tool(requires_confirmation=True)
@approval
def refund_order(order: str, amount: int) -> str:
    """Pay an order back."""
    return f"{amount} EUR for order {order} are on their way back"


async def refund_is_approved(stage: Stage) -> RunOutput:
    """A run that pauses on its tool, and is continued by its id once the approval is resolved."""
    stage.heading("A tool that needs approval: the run pauses, and goes on when a human says yes")
    session, text = stage.id("bob-refund"), "Please refund order: order A-17, amount 20."
    stage.said("bob", text)
    paused = await stage.agent("cashier", tools=[refund_order]).arun(text, user_id="bob", session_id=session)
    check(paused.is_paused, f"the run is paused ({paused.status})")
    approvals, total = await stage.db.get_approvals(status="pending", run_id=paused.run_id)
    check(total == 1 and approvals[0]["tool_name"] == "refund_order", f"one approval is pending ({approvals})")
    stage.note(f"paused: approval {approvals[0]['id'][:8]} waits for {json.dumps(approvals[0]['tool_args'])}")

    resolved = await stage.db.update_approval(
        approvals[0]["id"],
        expected_status="pending",
        status="approved",
        resolved_by="carol",
        resolved_at=int(time.time()),
    )
    check(resolved is not None and resolved["status"] == "approved", "the approval is resolved")
    again = await stage.db.update_approval(approvals[0]["id"], expected_status="pending", status="rejected")
    check(again is None, "an approval is resolved only once")
    stage.said("carol", "approved")

    # A new agent object, and nothing but the run's id: all that it needs comes from the database.
    cashier = stage.agent("cashier", tools=[refund_order])
    run = await cashier.acontinue_run(run_id=paused.run_id, session_id=session, user_id="bob")
    check("on their way back" in str(run.content), f"the tool ran after the approval ({run.content})")
    stage.said("cashier", run.content)
    return run
