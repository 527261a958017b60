"""Processes that are killed while they write JSON files: a write is done or not, and the next one goes on."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from killing import survivor_of

from agnodb import AsyncJsonDb, JsonDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.history import ACKNOWLEDGED, UNKNOWN
from agnodb.testing.writers import EVERYTHING, Job, prepare

_TOUCHING = ("open", "os.rename", "os.remove", "os.truncate")


def killed_at(number: int, work: Callable[[], Any]) -> bool:
    """Whether a child that does `work` was killed before it touched files for the `number`th time."""
    child = os.fork()
    if not child:
        left = itertools.count(number, -1)

        def touched(event: str, _arguments: tuple[Any, ...]) -> None:
            if event in _TOUCHING and next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            sys.addaudithook(touched)
            work()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def together(database: JsonDb) -> None:
    with database.transaction() as tx:
        tx.runs.upsert(a_run("new"))
        tx.memories.upsert(a_memory("m"))
        tx.runs.delete("old")


def seen(database: JsonDb) -> list[Any]:
    """What the files say, by their keys and through every list."""
    runs, _ = database.runs.page(page(), session_id="s")
    assert [run.run_id for run in runs] == [r for r in ("old", "new") if database.runs.get(r) is not None]
    memories, total = database.memories.page(page())
    assert total == len(memories)
    return [[run.run_id for run in runs], [memory.memory_id for memory in memories]]


def page() -> Any:
    from agnodb.filters import Page

    return Page()


def test_a_batch_is_done_or_not_wherever_its_process_is_killed(tmp_path: Path) -> None:
    whole = JsonDb(tmp_path / "whole")
    whole.sessions.upsert(a_session())
    whole.runs.upsert(a_run("old"))
    before, after = [["old"], []], [["new"], ["m"]]
    found = []
    for number in itertools.count():
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", folder)
        other = JsonDb(folder)
        assert seen(other) == before
        killed = killed_at(number, lambda folder=folder: together(JsonDb(folder)))  # type: ignore[misc]
        found.append(seen(other))
        assert found[-1] == seen(JsonDb(folder))
        other.runs.upsert(a_run("next"))
        assert not (folder / ".journal").exists()
        places = [run.run_index for run in other.runs.page(page(), session_id="s")[0]]
        assert places == sorted({*places})
        if not killed:
            break
    assert found == sorted(found, reverse=True)  # once it is done, it stays done
    assert [before in found, after in found] == [True, True]
    assert all(state in (before, after) for state in found)
    assert found.index(after) > 5


def test_half_a_line_of_the_changes_is_nobodys(tmp_path: Path) -> None:
    one, other = JsonDb(tmp_path), JsonDb(tmp_path)
    one.sessions.upsert(a_session())
    assert other.sessions.get("s") is not None
    with open(tmp_path / ".changes", "ab") as log:
        log.write(b'["agno_sess')
    fresh = JsonDb(tmp_path)
    assert fresh.sessions.get("s") is not None
    assert other.sessions.get("t") is None
    fresh.sessions.upsert(a_session("t"))
    assert None not in (one.sessions.get("t"), other.sessions.get("t"), JsonDb(tmp_path).sessions.get("t"))


@pytest.mark.parametrize("kind", [AsyncJsonDb, JsonDb])
async def test_kill_9_of_processes_that_write(tmp_path: Path, kind: Any) -> None:
    histories = tmp_path / "histories"
    histories.mkdir()
    db = AsyncFacade(JsonDb(tmp_path / "db")) if kind is JsonDb else AsyncJsonDb(tmp_path / "db")
    async with db:
        await prepare(db, schedules=20)
        job = Job.on(db, histories, turns=EVERYTHING, processes=3, writers=3, rounds=8)
        survivor = await survivor_of(job, db, after=20)
    assert len(survivor) > 3 * 8 * 3
    assert {o.outcome for o in survivor} <= {ACKNOWLEDGED, UNKNOWN}
