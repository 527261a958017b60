"""What a database promises, in JSON files, with an event loop and without one."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agnodb import AsyncJsonDb, JsonDb
from agnodb.documents.stores import json_files
from agnodb.documents.stores.json_text import document_in, indented
from agnodb.errors import ConfigurationError, StorageError
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import SharedDocumentConformance
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session


class TestJsonFiles(SharedDocumentConformance):
    @pytest_asyncio.fixture
    async def make_db(self, tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncJsonDb] = []

        async def make() -> AsyncJsonDb:
            opened.append(AsyncJsonDb(tmp_path / "db"))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestJsonFilesWithoutLoop(SharedDocumentConformance):
    @pytest.fixture
    def make_db(self, tmp_path: Path) -> Callable[[], Awaitable[Any]]:
        async def make() -> AsyncFacade:
            return AsyncFacade(JsonDb(tmp_path / "db"))

        return make


class TestOnlyInFiles:
    """What holds of files beside the promises of all."""

    def test_a_person_can_read_a_record(self, tmp_path: Path) -> None:
        JsonDb(tmp_path).sessions.upsert(a_session("A b/ü", user_id="alice", session_data={"turn": [1, {}]}))
        (file,) = (tmp_path / "agno_sessions").iterdir()
        assert file.name == "%41%20b%2F%C3%BC.json"
        lines = file.read_text().splitlines()
        assert lines[:2] == ["{", '  "key": "A b/ü",']
        assert '    "session_data": {' in lines
        assert json.loads(file.read_text())["record"]["session_data"] == {"turn": [1, {}]}

    @pytest.mark.parametrize("text", ['{"a":[],"b":{"c":[1,-2.50,"x, [y]: \\"z\\""]},"d":null}', "[]", '"a"', "1E400"])
    def test_an_indented_text_says_the_same(self, text: str) -> None:
        shown = indented(text)
        assert json.loads(shown) == json.loads(text)
        assert shown == json.dumps(json.loads(text), indent=2) or "-2.50" in text or "E" in text

    def test_keys_that_differ_in_case_or_are_long_are_files_of_their_own(self, tmp_path: Path) -> None:
        keys = ["a", "A", "a" * 500, "a" * 499 + "b", ".", "..", "a.json", "%41"]
        database = JsonDb(tmp_path)
        for key in keys:
            database.sessions.upsert(a_session(key))
        names = [path.name for path in (tmp_path / "agno_sessions").iterdir()]
        assert len({name.lower() for name in names}) == len(keys)
        assert all(JsonDb(tmp_path).sessions.get(key) is not None for key in keys)

    def test_what_others_write_is_seen_without_reading_all(self, tmp_path: Path, monkeypatch: Any) -> None:
        one, other = JsonDb(tmp_path), JsonDb(tmp_path)
        for number in range(20):
            one.sessions.upsert(a_session(f"s{number}"))
        assert other.sessions.get("s0") is not None
        read: list[bytes | str] = []
        monkeypatch.setattr(json_files, "document_in", lambda text: (read.append(text), document_in(text))[1])
        one.sessions.rename("s3", "chosen")
        one.sessions.delete("s4")
        assert other.sessions.get("s3").session_data["session_name"] == "chosen"
        assert other.sessions.get("s4") is None
        assert len(read) == 1

    def test_a_new_log_has_everybody_read_all(self, tmp_path: Path, monkeypatch: Any) -> None:
        one, other = JsonDb(tmp_path), JsonDb(tmp_path)
        one.sessions.upsert(a_session())
        assert other.sessions.get("s") is not None
        monkeypatch.setattr(json_files, "_LOG_BYTES", 10)
        one.sessions.rename("s", "chosen")
        (tmp_path / "agno_sessions" / "s.json").rename(tmp_path / "agno_sessions" / "t.json")
        with pytest.raises(StorageError, match="damaged"):
            other.sessions.get("s")
        (tmp_path / "agno_sessions" / "t.json").unlink()
        (tmp_path / ".changes").unlink()  # what a person does who has changed a file
        assert one.sessions.get("s") is other.sessions.get("s") is None

    def test_a_damaged_file_is_told(self, tmp_path: Path) -> None:
        JsonDb(tmp_path).sessions.upsert(a_session())
        (tmp_path / "agno_sessions" / "s.json").write_text("{")
        with pytest.raises(StorageError, match="damaged") as told:
            JsonDb(tmp_path).sessions.get("s")
        assert "s.json" in str(told.value.detail)
        assert "s.json" not in str(told.value)

    def test_a_folder_that_cannot_be_used_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ConfigurationError):
            JsonDb(tmp_path / "file").sessions.get("s")

    def test_agnos_files_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "agno_sessions.json").write_text('[{"session_id": "s"}]')
        with pytest.raises(ConfigurationError, match="agno's JsonDb"):
            JsonDb(tmp_path).sessions.get("s")

    def test_a_child_of_a_fork_goes_on_by_itself(self, tmp_path: Path) -> None:
        database = JsonDb(tmp_path)
        database.sessions.upsert(a_session())
        store = database._core._executor.state().client
        with store._lock:  # another thread is at it while the process forks
            child = os.fork()
            if not child:
                try:
                    database.runs.upsert(a_run("r"))
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
        assert database.runs.get("r") is not None

    async def test_a_loop_goes_on_while_another_process_has_the_folder(self, tmp_path: Path) -> None:
        async with AsyncJsonDb(tmp_path) as database:
            await database.sessions.upsert(a_session())
            with (tmp_path / ".lock").open("a") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                waiting = [asyncio.ensure_future(database.sessions.get("s")) for _ in range(50)]
                await asyncio.sleep(0.05)
                assert not any(call.done() for call in waiting)
                assert await asyncio.to_thread(threading.get_ident)  # the application's threads are free
                fcntl.flock(held, fcntl.LOCK_UN)
            assert None not in await asyncio.gather(*waiting)
