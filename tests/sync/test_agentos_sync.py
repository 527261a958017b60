"""AgentOS over HTTP on a sync database: the tests of the async one, as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
import test_agentos
import test_agentos_lists
from agents import helper, refund_order
from agno.knowledge import Knowledge
from agno.os import AgentOS
from httpx import ASGITransport, AsyncClient
from sync_places import SyncPlace

from agnodb.testing.blocking import AsyncFacade

for module in (test_agentos, test_agentos_lists):
    globals().update({name: test for name, test in vars(module).items() if name.startswith("test_")})


@pytest_asyncio.fixture
async def served(place: SyncPlace) -> AsyncIterator[Any]:
    """The database object that AgentOS gets."""
    with place.ours() as database:
        yield database


@pytest_asyncio.fixture
async def db(served: Any) -> AsyncFacade:
    """The same for the tests, which await what they ask."""
    return AsyncFacade(served)


@pytest_asyncio.fixture
async def api(served: Any) -> AsyncIterator[AsyncClient]:
    """A client of an AgentOS on that database."""
    knowledge = Knowledge(name="books", contents_db=served)
    system = AgentOS(agents=[helper(served, tools=[refund_order])], knowledge=[knowledge], db=served, telemetry=False)
    app = system.get_app()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://os") as client:
        yield client
