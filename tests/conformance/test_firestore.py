"""What a database promises, in Firestore: with an event loop and without one."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from agno.db.firestore import FirestoreDb as AgnosFirestoreDb
from firestore_database import Counted, counted, empty, seeded, url
from google.api_core.exceptions import (
    Aborted,
    DeadlineExceeded,
    FailedPrecondition,
    InternalServerError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ServiceUnavailable,
    Unauthenticated,
)

from agnodb import AsyncFirestoreDb, FirestoreDb
from agnodb.documents.store import Document, Index, Query, Refused, Write
from agnodb.documents.stores.firestore import FirestoreStore
from agnodb.documents.stores.firestore_clients import Place, client_of
from agnodb.documents.stores.firestore_records import PARTS, definition
from agnodb.documents.stores.seen import Seen
from agnodb.errors import (
    ConfigurationError,
    DuplicateKeyError,
    StorageError,
    UnavailableError,
    UnsupportedOperationError,
)
from agnodb.filters import Page
from agnodb.records import EvalRunRecord
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import SharedDocumentConformance, StandInDocumentConformance
from agnodb.testing.conformance.approvals import an_approval
from agnodb.testing.conformance.concurrency import ConcurrencyConformance
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.traces import a_span
from agnodb.testing.firestore.server import VARIABLE, FirestoreServer

__all__ = ["counted", "url"]


class TestFirestore(SharedDocumentConformance):
    @pytest_asyncio.fixture
    async def make_db(self, url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncFirestoreDb] = []

        async def make() -> AsyncFirestoreDb:
            opened.append(AsyncFirestoreDb(db_url=url))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestFirestoreWithoutLoop(ConcurrencyConformance, StandInDocumentConformance):  # type: ignore[misc,valid-type]
    """With the faults of one method of each kind: the matrix of all passes here too, and takes longest."""

    transactions_wait = False

    @pytest_asyncio.fixture
    async def make_db(self, url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncFacade] = []

        async def make() -> AsyncFacade:
            opened.append(AsyncFacade(FirestoreDb(db_url=url)))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestOnlyInFirestore:
    """What holds of Firestore beside the promises of all."""

    @pytest.mark.parametrize("sessions", [10, 1_000, 10_000])
    async def test_requests_do_not_grow_with_what_is_stored(self, counted: Counted, sessions: int) -> None:
        database = AsyncFirestoreDb(db_client=counted.client)
        await database.create_tables()
        await seeded(database, sessions)
        session, run = await database.sessions.get("s00000"), a_run("r", session_id="s00000")
        assert session is not None
        await database.runs.upsert(run)
        assert await counted.by(database.sessions.upsert(session)) == ["commit"]
        assert await counted.by(database.runs.upsert(run)) == ["commit"]
        page = ["run_query", "run_aggregation_query"]
        assert await counted.by(database.sessions.page(Page(limit=5))) == page
        assert await counted.by(database.sessions.page(Page(limit=5, page=2), session_type="agent")) == page
        assert (await database.sessions.page(Page(limit=5)))[1] == sessions
        runs = Page(limit=5, sort_by="created_at", sort_order="asc")
        assert await counted.by(database.sessions.page(runs, with_runs=True)) == [*page, "run_query"]
        assert (await database.sessions.page(runs, with_runs=True))[0][0].runs == [{}]
        await database.get_session("s00000")
        assert await counted.by(database.get_session("s00000")) == ["batch_get_documents"]

    async def test_texts_longer_than_a_document_are_split_and_joined(self, counted: Counted) -> None:
        database = AsyncFirestoreDb(db_client=counted.client)
        await database.sessions.upsert(a_session())
        for text in ("é😀" * 500_000, "x" * 1_900_000, "short", "y" * 1_000_000):
            await database.runs.upsert(a_run("r", run_data={"text": text}))
            assert await database.runs.of_session("s") == [{"text": text}]
        long = EvalRunRecord(run_id="e", eval_type="accuracy", eval_data={"text": "z" * 1_000_000})
        await database.eval_runs.create(long)
        with pytest.raises(DuplicateKeyError):
            await database.eval_runs.create(long)
        left = [one async for one in counted.client.collection_group("agnodb_parts").stream()]
        kept = [one.reference.path.split("/")[2:4] for one in left]  # neither what was replaced nor what was refused
        assert sorted(kept) == [["agno_eval_runs", "e"]] * 2 + [["agno_runs", "r"]] * 2

    async def test_a_transaction_of_long_texts_fits(self, counted: Counted) -> None:
        database = AsyncFirestoreDb(db_client=counted.client)
        async with database.transaction() as tx:
            for number in range(14):
                await tx.memories.upsert(a_memory(f"m{number}", user_id=None, memory="z" * 850_000))
        assert [len(one.memory) for one in (await database.memories.page(Page()))[0]] == [850_000] * 14

    async def test_what_is_more_than_a_commit_has(self, counted: Counted) -> None:
        database = AsyncFirestoreDb(db_client=counted.client)
        with pytest.raises(UnsupportedOperationError):
            async with database.transaction() as tx:
                for number in range(501):
                    await tx.memories.upsert(a_memory(f"m{number}"))
        assert (await database.memories.page(Page()))[1] == 0
        spans = [a_span(f"x{number}", trace_id=f"t{number}") for number in range(600)]
        assert await database.spans.create_many(spans) == 600  # in parts

    @pytest.mark.parametrize("error", [Aborted("x"), ResourceExhausted("x"), ServiceUnavailable("x")], ids=str)
    async def test_contention_is_done_again(self, counted: Counted, error: Exception) -> None:
        database = AsyncFirestoreDb(db_client=counted.client)
        await database.create_tables()
        counted.meets = [error, error]
        await database.sessions.upsert(a_session())
        counted.meets = [error]
        assert (await database.sessions.page(Page()))[1] == 1

    @pytest.mark.parametrize("kind", [DeadlineExceeded, ServiceUnavailable, InternalServerError])
    async def test_a_commit_whose_answer_is_lost_is_done_once(self, counted: Counted, kind: Any) -> None:
        database = AsyncFirestoreDb(db_client=counted.client)
        await database.sessions.upsert(a_session())
        counted.loses = [kind("x")]
        await database.runs.upsert(a_run("r"))
        counted.loses = [kind("x")]
        await database.eval_runs.create(EvalRunRecord(run_id="e", eval_type="accuracy", eval_data={}))
        assert [run.run_index for run in (await database.runs.page(Page(), session_id="s"))[0]] == [0]
        assert counted.loses == []

    async def test_values_and_keys_come_back_as_they_were(self, counted: Counted) -> None:
        database = AsyncFirestoreDb(db_client=counted.client)
        data = {"": "", "whole": 10**45, "float": 0.1 + 0.2, "minus": -0.0, "null": None, "empty": [[], {}]}
        keys = ["a/b", ".", "..", "__x__", "%2F", "%", "a%2Fb", "é😀", "k" * 1_999, "k" * 1_998 + "l"]
        for key in keys:
            await database.sessions.upsert(a_session(key, session_data=data, user_id="u" * 1_999))
        for key in keys:
            stored = await database.sessions.get(key)
            assert stored is not None
            assert (stored.session_id, repr(stored.session_data)) == (key, repr(data))
        for key in keys[-2:]:
            await database.runs.upsert(a_run(f"r {key[-1]}", session_id=key, run_data={"of": key[-1]}))
        assert await database.runs.of_sessions(keys) == {key: [{"of": key[-1]}] for key in keys[-2:]}
        found, total = await database.sessions.page(Page(), user_id="u" * 1_999)
        assert ({one.session_id for one in found}, total) == ({*keys}, len(keys))
        assert (await database.sessions.page(Page(), user_id="u" * 1_998))[1] == 0

    async def test_what_agno_has_in_collections_of_these_names_is_not_touched(self, counted: Counted) -> None:
        await counted.client.document("agno_sessions/s").set({"session_id": "s"})
        database = AsyncFirestoreDb(db_client=counted.client)
        assert await database.sessions.get("s") is None
        await database.sessions.upsert(a_session())
        await database.sessions.delete("s")
        assert (await counted.client.document("agno_sessions/s").get()).to_dict() == {"session_id": "s"}

    async def test_what_the_service_says_is_typed(self, counted: Counted) -> None:
        database = AsyncFirestoreDb(db_client=counted.client)
        await database.create_tables()
        told: dict[Exception, type[Exception]] = {
            PermissionDenied("secret"): ConfigurationError,
            Unauthenticated("secret"): ConfigurationError,
            NotFound("secret"): ConfigurationError,
            FailedPrecondition("The query requires an index. secret"): ConfigurationError,
            InvalidArgument("secret"): StorageError,
        }
        for error, kind in told.items():
            counted.meets = [error]
            with pytest.raises(kind) as raised:
                await database.sessions.page(Page())
            assert "secret" not in str(raised.value)
            assert "secret" in str(raised.value.detail)  # type: ignore[attr-defined]

    async def test_a_writer_that_has_not_read_finds_out(self, counted: Counted) -> None:
        """What another process has written since is not overwritten, and what is to be absent is looked for."""
        database, other = AsyncFirestoreDb(db_client=counted.client), AsyncFirestoreDb(db_client=counted.client)
        await database.sessions.upsert(a_session())
        store = database._executor.state().client
        name = database.collections.name("sessions")
        (document,) = await store.get([(name, "s")])
        await other.sessions.upsert(a_session(session_data={"n": 1}))
        for write in (
            Write((name, "s"), document, document.version),
            Write((name, "s"), None, document.version),
            Write((name, "s"), document, None),
            Write((name, "s"), None, None),
        ):
            with pytest.raises(Refused) as refused:
                await store.write([Write((name, "new"), document, None), write])
            assert refused.value.address == (name, "s")
        await store.write([Write((name, "new"), None, None)])
        assert await store.get([(name, "new")]) == [None]
        assert (await database.sessions.get("s")).session_data == {"n": 1}  # type: ignore[union-attr]


def test_a_database_is_emptied(url: str) -> None:
    with FirestoreDb(db_url=url) as database:
        database.sessions.upsert(a_session())
        database.runs.upsert(a_run("r", run_data={"text": "x" * 1_000_000}))
        empty(Place.of(url))
        assert database.sessions.page(Page()) == ([], 0)
    assert client_of(Place.of(url), asynchronous=False).collection_group(PARTS).get() == []


def test_a_server_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with FirestoreServer.start() as server:
        monkeypatch.setenv(VARIABLE, server.host)
        with FirestoreDb(project_id="p") as database:
            database.sessions.upsert(a_session())
            assert database.health().ok
            server.kill()
            database._core._executor._retry_timeout = 0.5
            with pytest.raises(UnavailableError) as told:
                database.sessions.get("s")
            assert "127.0.0.1" not in str(told.value)
            health = database.health()
            assert (health.ok, health.error) == (False, "UnavailableError")


async def test_every_list_is_served_by_the_indexes_that_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server that refuses what no index serves, each list, in both directions, and counted."""
    collections = AsyncFirestoreDb(project_id="p").collections.indexes()
    with FirestoreServer.start(definition(collections)) as server:
        monkeypatch.setenv(VARIABLE, server.host)
        store = FirestoreStore(Seen(), lambda: client_of(Place("p"), asynchronous=True))
        for collection, of_it in collections.items():
            for index in of_it:
                values = tuple("x" for _ in index.fields)
                for down in (False, True):
                    query = Query(collection, index, values, low=1, high=2, descending=down)
                    at = Document("k", "", {index.sort: 1}, "v")
                    assert await store.find(query, after=at, limit=5) == []
                    assert await store.count(query) == 0
        assert len(definition(collections)["indexes"]) == 85
        with pytest.raises(ConfigurationError, match="firestore-indexes"):
            await store.find(Query("agno_sessions", Index(("nothing",), "created_at"), ("x",)))
        await store.close()


async def test_what_no_index_sorts_is_read_from_the_other_end(counted: Counted) -> None:
    database = AsyncFirestoreDb(db_client=counted.client)
    for number in range(7):
        await database.approvals.create(an_approval(f"a{number}", status="pending", created_at=number // 2))
    store, name = database._executor.state().client, database.collections.name("approvals")
    index = next(one for one in database.collections.indexes()[name] if one.fields == ("status",))
    assert index.descending
    up, down = (Query(name, index, ("pending",), descending=way) for way in (False, True))
    every = [f"a{number}" for number in range(7)]
    for query, keys in ((up, every), (down, every[::-1])):
        found = await store.find(query)
        assert [one.key for one in found] == keys
        for offset in range(9):
            for limit in (1, 3, 9):
                assert await store.find(query, offset=offset, limit=limit) == found[offset : offset + limit]
        for number in range(7):
            assert await store.find(query, after=found[number], limit=2) == found[number + 1 : number + 3]
    assert await counted.by(store.find(down, limit=2)) == ["run_query"]
    assert await counted.by(store.find(up, limit=2)) == ["run_aggregation_query", "run_query"]
    assert await counted.by(store.find(up)) == ["run_query"]


async def test_names_sort_as_their_keys_do(counted: Counted) -> None:
    database = AsyncFirestoreDb(db_client=counted.client)
    some = [
        "", "\1", "\1\1", "-", ".", "..", ".-", ".,", "/", "//", "/.", "0", "__", "___",
        "____", "__a__", "__a__\1", "%", "é", "😀",
    ]  # fmt: skip
    keys = sorted({*some, *(f"a{one}b" for one in some), *(f"{one}a" for one in some), *(f"__{one}__" for one in some)})
    store, name = database._executor.state().client, database.collections.name("memories")
    await store.write([Write((name, key), Document(key, "", {"created_at": 1}, "v"), None) for key in keys[::-1]])
    query = Query(name, Index((), "created_at"))
    assert [one.key for one in await store.find(query)] == keys
    assert [one.key for one in await store.find(query, after=Document("/", "", {"created_at": 1}, "v"), limit=1)] == [
        keys[keys.index("/") + 1]
    ]


def test_a_stored_database_is_made_again() -> None:
    given = FirestoreDb(project_id="mine", database="other", session_collection="chats", strict_owner=True)
    stored = given.to_dict()
    assert (stored["type"], stored["db_url"]) == ("firestore", "firestore://mine/other")
    assert stored["session_collection"] == "chats"
    assert FirestoreDb.from_dict(stored).to_dict() == stored
    assert given.id == AsyncFirestoreDb(db_url="firestore://mine/other", session_collection="chats").id
    assert AsyncFirestoreDb(project_id="mine").db_url == "firestore://mine/(default)"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"db_url": "redis://x"},
        {"db_url": "firestore://p/d", "project_id": "p"},
        {"db_url": "firestore://user@p/d"},
        {"project_id": "p", "database": "No Database"},
        {"project_id": ""},
    ],
)
def test_arguments_that_cannot_be_are_told(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        FirestoreDb(**given)


@pytest.mark.parametrize("ours", [AsyncFirestoreDb, FirestoreDb])
def test_the_arguments_are_agnos_and_in_its_order(ours: Any) -> None:
    names = list(inspect.signature(AgnosFirestoreDb).parameters)
    assert list(inspect.signature(ours).parameters)[: len(names)] == names
