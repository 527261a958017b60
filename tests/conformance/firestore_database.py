"""A Firestore database for each test, and what counts the requests to it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from agnodb import AsyncFirestoreDb
from agnodb.documents.stores.firestore_clients import Place, Requests, client_of
from agnodb.documents.stores.firestore_records import PARTS, ROOT
from agnodb.records import SessionRecord


def empty(place: Place) -> None:
    """Delete all records of a database, with their parts."""
    client = client_of(place, asynchronous=False)
    for collection in client.document(ROOT).collections():
        for record in collection.list_documents():
            for part in record.collection(PARTS).list_documents():
                part.delete()
            record.delete()


@pytest.fixture
def url(firestore_server: str | None) -> Iterator[str]:
    """The database of one test; of a real service one for all, which is empty before and after."""
    yield firestore_server or f"firestore://agnodb-test/d-{uuid.uuid4().hex[:12]}"
    if firestore_server is not None:
        empty(Place.of(firestore_server))


class Counted:
    """The requests that a client sends, by the names of their methods; and what they are to meet instead."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.sent: list[str] = []
        self.meets: list[Exception] = []
        """Raised by the next requests instead of sending them."""
        self.loses: list[Exception] = []
        """Raised by the next commits after they were done."""
        api = client._firestore_api
        for name in ("batch_get_documents", "run_query", "run_aggregation_query", "commit"):
            setattr(api, name, self._counting(name, getattr(api, name)))

    def _counting(self, name: str, send: Any) -> Any:
        async def counting(*args: Any, **given: Any) -> Any:
            self.sent.append(name)
            if self.meets:
                raise self.meets.pop(0)
            answer = await send(*args, **given)
            if name == "commit" and self.loses:
                raise self.loses.pop(0)
            return answer

        return counting

    async def by(self, call: Awaitable[Any]) -> list[str]:
        """The requests of a call."""
        before = len(self.sent)
        await call
        return self.sent[before:]


@pytest_asyncio.fixture
async def counted(url: str) -> AsyncIterator[Counted]:
    made = Counted(client_of(Place.of(url), asynchronous=True))
    yield made
    await Requests(made.client).close()


async def seeded(database: AsyncFirestoreDb, sessions: int) -> None:
    """So many sessions, in few commits."""
    for first in range(0, sessions, 100):
        async with database.transaction() as tx:
            for number in range(first, min(first + 100, sessions)):
                await tx.sessions.upsert(
                    SessionRecord(session_id=f"s{number:05}", session_type="agent", created_at=number)
                )
