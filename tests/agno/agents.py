"""Agents for the tests, with the offline model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from agno.agent import Agent
from agno.approval import approval
from agno.tools import tool

from agnodb.demo.model import OfflineModel


@approval
@tool(requires_confirmation=True)
def refund_order(order: str) -> str:
    """Give the money for an order back."""
    return f"refunded {order}"


def helper(db: Any, **settings: Any) -> Agent:
    """A fresh agent: all it knows of earlier conversations is in `db`."""
    given: dict[str, Any] = {"id": "helper", "name": "Helper", "telemetry": False}
    given |= {"add_history_to_context": True, "num_history_runs": 50}
    return Agent(**{"model": OfflineModel(), **given, **settings}, db=db)


async def eventually(check: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> Any:
    """The first true answer of `check`: agno writes some things in the background."""
    for _ in range(round(seconds / 0.05)):
        found = await check()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")
