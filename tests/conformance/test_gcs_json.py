"""What a database promises, in Cloud Storage: with an event loop and without one."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from google.api_core import exceptions
from google.cloud import storage
from requests import Session

from agnodb import AsyncGcsJsonDb, GCSJsonDb, GcsJsonDb
from agnodb.documents.store import Document, Index
from agnodb.documents.stores import gcs, gcs_records
from agnodb.documents.stores.gcs_clients import translate
from agnodb.documents.stores.gcs_objects import Objects
from agnodb.errors import ConfigurationError, StorageError, UnavailableError
from agnodb.filters import Page
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import SingleDocumentConformance, StandInDocumentConformance
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.gcs_server import VARIABLE
from agnodb.testing.servers import free_port


@pytest.fixture
def bucket(gcs_server: str) -> str:
    """A bucket of one test: what the stand-in takes for a request grows with all that its bucket has."""
    name = f"agnodb-test-{uuid.uuid4().hex[:12]}"
    storage.Client().create_bucket(name)
    return name


@pytest.fixture
def prefix() -> str:
    return uuid.uuid4().hex[:12]


class TestGcsJson(StandInDocumentConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, bucket: str, prefix: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncGcsJsonDb] = []

        async def make() -> AsyncGcsJsonDb:
            opened.append(AsyncGcsJsonDb(bucket, prefix))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestGcsJsonWithoutLoop(SingleDocumentConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, bucket: str, prefix: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncFacade] = []

        async def make() -> AsyncFacade:
            opened.append(AsyncFacade(GcsJsonDb(bucket, prefix)))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


@pytest.fixture
def blobs(bucket: str) -> Any:
    """The names of all objects of a database."""
    return lambda prefix: [blob.name for blob in storage.Client().list_blobs(bucket, prefix=f"{prefix}/")]


class Killed(BaseException):
    """What a process meets that is killed."""


def kill_after(writes: int, patch: pytest.MonkeyPatch) -> list[str]:
    """Have all requests that change something fail after so many that change a record or decide of a batch; those."""
    killed: list[str] = []
    done: list[str] = []

    def killing(change: Any) -> Any:
        def changed(objects: Objects, name: str, *given: Any, **named: Any) -> Any:
            if killed or ("/lists/" not in name and len(done) == writes):
                killed.append(name)
                raise Killed
            done.extend([] if "/lists/" in name else [name])
            return change(objects, name, *given, **named)

        return changed

    patch.setattr(Objects, "put", killing(Objects.put))
    patch.setattr(Objects, "delete", killing(Objects.delete))
    return killed


class TestOnlyInGcsJson:
    """What holds of Cloud Storage beside the promises of all."""

    @pytest.mark.parametrize("writes", [*range(7)])
    def test_a_batch_that_was_cut_off_is_stored_or_not(
        self, bucket: str, prefix: str, blobs: Any, monkeypatch: pytest.MonkeyPatch, writes: int
    ) -> None:
        with GcsJsonDb(bucket, prefix) as database:
            database.sessions.upsert(a_session())
            database.runs.upsert(a_run("r", status="RUNNING"))
            with pytest.MonkeyPatch.context() as patch:
                killed = kill_after(writes, patch)
                try:
                    database.runs.upsert(a_run("r", status="COMPLETED"))
                except Killed:
                    assert writes < 6
                else:
                    assert (writes, killed) == (6, [])
        monkeypatch.setattr(gcs_records, "WRITING", timedelta(0))  # nobody waits for who is gone
        with GcsJsonDb(bucket, prefix) as other:
            stored = other.runs.get("r")
            assert stored is not None
            assert stored.status == ("RUNNING" if writes < 3 else "COMPLETED")
            runs, total = other.runs.page(Page(limit=5), session_id="s", status=stored.status)
            assert ([run.run_id for run in runs], total) == (["r"], 1)
            other.runs.upsert(a_run("r", status="CANCELLED"))
            other.runs.upsert(a_run("r2"))
            runs, _ = other.runs.page(Page(limit=5, sort_by="run_index", sort_order="asc"), session_id="s")
            assert [(run.run_id, run.run_index) for run in runs] == [("r", 0), ("r2", 1)]
            assert runs[0].status == "CANCELLED"
        monkeypatch.setattr(gcs_records, "PATIENCE", timedelta(0))
        with GcsJsonDb(bucket, prefix) as other:
            assert other.runs.get("r2") is not None
            assert not [name for name in blobs(prefix) if "/batches/" in name]

    def test_a_record_is_one_object_and_one_for_each_place(self, bucket: str, prefix: str, blobs: Any) -> None:
        with GcsJsonDb(bucket, prefix) as database:
            database.memories.upsert(a_memory("m/1", memory="é"))
            before = blobs(prefix)
            assert [name for name in before if "/records/" in name] == [f"{prefix}/agno_memories/records/m%2F1.json"]
            for number in range(3):
                database.memories.upsert(a_memory("m/1", memory=f"{number}"))
            assert len(blobs(prefix)) == len(before)
            database.memories.delete_many(["m/1"])
            assert blobs(prefix) == []

    def test_a_record_is_read_in_one_request(self, bucket: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with GcsJsonDb(bucket, prefix) as database, GcsJsonDb(bucket, prefix) as other:
            database.memories.upsert(a_memory("m", memory="one"))
            sent: list[str] = []
            request = Session.request

            def noted(session: Session, method: str, url: str, *given: Any, **named: Any) -> Any:
                if "/o/" in url:  # after a miss the client looks for its bucket in a thread of its own
                    sent.append(f"{method} {url.partition('/o/')[2].partition('?')[0]}")
                return request(session, method, url, *given, **named)

            assert other.memories.get("m") is not None
            monkeypatch.setattr(Session, "request", noted)
            assert other.memories.get("m") is not None
            assert sent == [f"GET {prefix}%2Fagno_memories%2Frecords%2Fm.json"]
            sent.clear()
            database.memories.upsert(a_memory("m", memory="two"))  # nothing is read before it
            assert [one for one in sent if one.startswith("GET")] == []

    def test_newest_first_reads_no_more_names_than_a_page_has(
        self, bucket: str, prefix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with GcsJsonDb(bucket, prefix) as database:
            for number in range(12):
                database.sessions.upsert(a_session(f"s{number:02}", created_at=number // 3))
            seen: list[str] = []
            listed = Objects.listed

            def noted(objects: Objects, *given: Any, **named: Any) -> Iterator[Any]:
                for blob in listed(objects, *given, **named):
                    seen.append(blob.name)
                    yield blob

            monkeypatch.setattr(Objects, "listed", noted)
            found, total = database.sessions.page(Page(limit=3, sort_by="created_at", sort_order="desc"))
            assert [one.session_id for one in found] == ["s11", "s10", "s09"]
            assert (total, len(seen)) == (12, 4 + 12)
            found, _ = database.sessions.page(Page(limit=3, page=2, sort_by="created_at", sort_order="asc"))
            assert [one.session_id for one in found] == ["s03", "s04", "s05"]

    def test_what_a_writer_that_was_cut_off_left_is_passed_over_and_swept(
        self, bucket: str, prefix: str, blobs: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with GcsJsonDb(bucket, prefix) as database:
            database.memories.upsert(a_memory("m", created_at=5, user_id="alice"))
            whole = blobs(prefix)
            store = database._core._executor.state().client
            document = Document("gone", "{}", {"created_at": 7, "user_id": "alice"}, "v")
            monkeypatch.setitem(store._names.indexes, "agno_memories", [Index((), "created_at")])
            for place in store._names.places(("agno_memories", "gone"), document):
                store._objects.put(place.name, "", metadata=place.metadata)
            page = Page(limit=5, sort_by="created_at")
            assert [one.memory_id for one in database.memories.page(page)[0]] == ["m"]
            assert len(blobs(prefix)) == len(whole) + 1  # it may be on its way
            monkeypatch.setattr(gcs, "PATIENCE", timedelta(0))
            database.memories.page(page)
            assert blobs(prefix) == whole

    def test_writers_that_race_lose_nothing(self, bucket: str, prefix: str) -> None:
        with GcsJsonDb(bucket, prefix) as one, GcsJsonDb(bucket, prefix) as other:
            one.sessions.upsert(a_session())
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(lambda n: (one, other)[n % 2].runs.upsert(a_run(f"r{n}")), range(16)))
            runs, total = one.runs.page(Page(), session_id="s")
            assert ([run.run_index for run in runs], total) == ([*range(16)], 16)

    @pytest.mark.parametrize("error", [exceptions.TooManyRequests("busy"), exceptions.ServiceUnavailable("busy")])
    def test_what_is_refused_or_lost_is_done_again(
        self, bucket: str, prefix: str, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        """429 instead of each request of a write, 503 after each: it is done once, and stands in its lists."""
        asked = Objects._asked

        def answered(objects: Objects, ask: Any) -> Any:
            if next(numbers) != at:
                return asked(objects, ask)
            if isinstance(error, exceptions.ServiceUnavailable):
                asked(objects, ask)
            raise translate(error)

        with GcsJsonDb(bucket, prefix) as database:
            database.sessions.upsert(a_session())
            monkeypatch.setattr(Objects, "_asked", answered)
            for at in itertools.count():
                numbers = itertools.count()
                database.runs.upsert(a_run(f"r{at}"))
                if next(numbers) <= at:  # it made fewer requests
                    break
            numbers, at = itertools.count(), -1
            runs, total = database.runs.page(Page(sort_by="run_index", sort_order="asc"), session_id="s")
            assert [(run.run_id, run.run_index) for run in runs] == [(f"r{number}", number) for number in range(total)]
            assert total > 12

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (exceptions.TooManyRequests("busy"), UnavailableError),
            (exceptions.ServiceUnavailable("busy"), UnavailableError),
            (exceptions.Forbidden("no"), ConfigurationError),
            (exceptions.BadRequest("odd"), StorageError),
        ],
        ids=lambda given: getattr(given, "__name__", type(given).__name__),
    )
    def test_what_the_service_says_is_typed(
        self, bucket: str, prefix: str, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception]
    ) -> None:
        def download(*_given: Any, **_named: Any) -> None:
            raise error

        with GcsJsonDb(bucket, prefix) as database:
            database.sessions.upsert(a_session())
            database._core._executor._retry_timeout = 0.2
            monkeypatch.setattr(storage.Blob, "download_as_bytes", download)
            with pytest.raises(kind) as told:
                database.sessions.get("s")
            assert str(error) not in str(told.value)

    def test_a_server_that_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{free_port()}")
        with GcsJsonDb("bucket") as database:
            health = database.health()
            assert (health.ok, health.error) == (False, "UnavailableError")

    def test_a_stored_database_and_its_other_spelling(self) -> None:
        stored = GCSJsonDb(db_url="gs://bucket/mine", project="p").to_dict()
        assert (stored["bucket_name"], stored["prefix"], stored["project"]) == ("bucket", "mine/", "p")
        assert GcsJsonDb.from_dict(stored).to_dict() == stored
        assert GcsJsonDb("bucket", "mine").id == AsyncGcsJsonDb("bucket", "mine/").id
        assert GCSJsonDb is GcsJsonDb

    @pytest.mark.parametrize("given", [{}, {"db_url": "s3://b"}, {"bucket_name": "gs://b"}, {"db_url": "gs:///x"}])
    def test_arguments_that_cannot_be_are_told(self, given: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError):
            GcsJsonDb(**given)
