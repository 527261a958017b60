"""What a database promises, in memory, with an event loop and without one."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agnodb import AsyncInMemoryDb, InMemoryDb
from agnodb.documents.store import Capabilities
from agnodb.documents.stores.memory import MemoryStore
from agnodb.errors import UnsupportedOperationError
from agnodb.filters import Page
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import DocumentConformance
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session


class TestMemory(DocumentConformance):  # type: ignore[misc,valid-type]
    @pytest.fixture
    def make_db(self) -> Callable[[], Awaitable[Any]]:
        store = MemoryStore()

        async def make() -> AsyncInMemoryDb:
            return AsyncInMemoryDb(store)

        return make


class TestMemoryWithoutLoop(DocumentConformance):  # type: ignore[misc,valid-type]
    @pytest.fixture
    def make_db(self) -> Callable[[], Awaitable[Any]]:
        store = MemoryStore()

        async def make() -> AsyncFacade:
            return AsyncFacade(InMemoryDb(store))

        return make


class TestOnlyInMemory:
    """What holds of memory beside the promises of all."""

    async def test_what_comes_out_is_never_what_is_kept(self) -> None:
        database, state = AsyncInMemoryDb(), {"list": [1]}
        await database.sessions.upsert(a_session(session_data=state))
        state["list"].append(2)
        read = await database.sessions.get("s")
        assert read is not None
        assert read.session_data == {"list": [1]}
        read.session_data["list"].append(3)
        again = await database.sessions.get("s")
        assert again is not None
        assert again.session_data == {"list": [1]}

    async def test_a_store_that_writes_records_one_by_one_has_no_transactions(self) -> None:
        class OneByOne(MemoryStore):
            capabilities = Capabilities(atomic=False, shared=False)

        database = AsyncInMemoryDb(OneByOne())
        await database.sessions.upsert(a_session())
        with pytest.raises(UnsupportedOperationError):
            async with database.transaction() as tx:
                await tx.sessions.delete("s")
        assert await database.sessions.get("s") is not None

    async def test_a_copy_and_a_pickle_are_the_same_database(self) -> None:
        database = AsyncInMemoryDb()
        await database.sessions.upsert(a_session())
        for other in (copy.deepcopy(database), pickle.loads(pickle.dumps(database))):
            assert await other.sessions.get("s") is not None
        assert await AsyncInMemoryDb().sessions.get("s") is None

    @pytest.mark.parametrize("sessions", [10, 1_000, 10_000])
    async def test_requests_do_not_grow_with_what_is_stored(self, sessions: int) -> None:
        database = AsyncInMemoryDb()
        for number in range(sessions):
            await database.sessions.upsert(a_session(f"s{number:05}", created_at=number))
        session, run = await database.sessions.get("s00000"), a_run("r", session_id="s00000")
        assert session is not None
        await database.runs.upsert(run)

        async def requests(call: Awaitable[Any]) -> int:
            before = database.statements_run
            await call
            return database.statements_run - before

        assert await requests(database.sessions.upsert(session)) == 1
        assert await requests(database.runs.upsert(run)) == 1
        assert await requests(database.sessions.page(Page(limit=5, page=2))) == 2
        assert await requests(database.sessions.page(Page(limit=5), user_id="alice", session_type="agent")) == 2
        assert await requests(database.sessions.page(Page(limit=5), with_runs=True)) == 3

    async def test_threads_lose_nothing(self) -> None:
        database = InMemoryDb()
        database.sessions.upsert(a_session())

        def write(writer: int) -> None:
            for number in range(25):
                database.runs.upsert(a_run(f"{writer}-{number}"))

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(8)))
        runs, total = database.runs.page(Page(), session_id="s")
        assert total == 200
        assert [run.run_index for run in runs] == list(range(200))
