"""Writers that note what they do (see `agnodb.testing.history`), and processes full of them.

    python -m agnodb.testing.writers < job      # a `Job` as JSON; prints the ids of the processes, ends with the last

The processes are forked from one that has imported everything and has used nothing: importing takes longer than
the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agnodb.errors import UnavailableError
from agnodb.filters import Page
from agnodb.records import EvalRunRecord, MemoryRecord, RunRecord, ScheduleRecord, SessionRecord
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.history import ADD, ANY, APPEND, CLAIM, INSERT, SET, History, Operation, Stored, read

SESSION = "shared"
TOKENS = 3
_TOGETHER = "-t"
"""What a turn of a writer uses."""


class Writer:
    """One of many who write to the same places. What may be made again must succeed; the rest may be unknown.

    A writer holds its session for several turns, so that what it holds is mostly old.
    """

    def __init__(self, db: Any, history: History, name: str) -> None:
        self.db, self.history, self.name = db, history, name
        self._held: SessionRecord | None = None
        self.linger = 0.0
        """Seconds that it stays in its transactions."""

    async def turn(self, number: int, turns: Sequence[str]) -> None:
        """Everything of `turns`, each the name of a method here, for the `number`th time."""
        for name in turns:
            await getattr(self, name)(number)

    async def state(self, number: int) -> None:
        """Change the session: a key of one's own, and counts that all share."""
        if self._held is None or number % 3 == 0:
            self._held = await self.db.sessions.get(SESSION)
            assert self._held is not None
        held = self._held
        metrics = held.session_data["session_metrics"]
        (model,) = metrics["details"]["model"]
        held.session_data = {
            **held.session_data,
            self.name: number,
            "session_metrics": {
                "total_tokens": metrics["total_tokens"] + TOKENS,
                "details": {"model": [{**model, "input_tokens": model["input_tokens"] + 1}]},
            },
        }
        with self.history.doing((SET, f"state {self.name}", number), (ADD, "tokens", TOKENS), (ADD, "input", 1)):
            await self.db.sessions.upsert(held)

    async def run(self, number: int) -> None:
        """Add a run, and save it again."""
        for status in ("RUNNING", "COMPLETED"):
            run = _run(f"{self.name}-{number}", status)
            with self.history.doing((APPEND, "runs", run.run_id), (SET, run.run_id, status)):
                await self.db.runs.upsert(run)

    async def remember(self, number: int) -> None:
        """Change a memory."""
        with self.history.doing(SET, f"memory {self.name}", f"{number}"):
            await self.db.memories.upsert(_memory(self.name, number))

    async def insert(self, number: int) -> None:
        """What may not be made again."""
        with contextlib.suppress(UnavailableError), self.history.doing(INSERT, "evals", f"{self.name}-{number}"):
            await self.db.eval_runs.create(_evaluation(f"{self.name}-{number}"))

    async def together(self, number: int) -> None:
        """A transaction."""
        name = f"{self.name}{_TOGETHER}{number}"
        changes = ((APPEND, "runs", name), (SET, f"memory {name}", f"{number}"), (INSERT, "evals", name))
        with contextlib.suppress(UnavailableError), self.history.doing(*changes):
            async with self.db.transaction() as tx:
                await tx.runs.upsert(_run(name, None))
                await tx.memories.upsert(_memory(name, number))
                if self.linger:
                    with self.history.doing(ADD, "lingering", 0):
                        await asyncio.sleep(self.linger)
                await tx.eval_runs.create(_evaluation(name))

    async def claim(self, number: int) -> None:
        """Take a schedule that is due."""
        with contextlib.suppress(UnavailableError), self.history.doing(CLAIM, ANY, self.name) as doing:
            claimed = await self.db.schedules.claim_due(self.name)
            doing.place = None if claimed is None else claimed.id


EVERYTHING = ("state", "run", "remember", "insert", "together", "claim")


def _run(run_id: str, status: str | None) -> RunRecord:
    data = {"id": run_id, "status": status}
    return RunRecord(run_id=run_id, session_id=SESSION, run_type="agent", status=status, run_data=data)


def _memory(name: str, number: int) -> MemoryRecord:
    return MemoryRecord(memory_id=name, memory=f"{number}", user_id="alice")


def _evaluation(name: str) -> EvalRunRecord:
    return EvalRunRecord(run_id=name, eval_type="accuracy", eval_data={"score": 1})


async def prepare(db: Any, *, schedules: int = 0) -> None:
    """What the writers write to."""
    data = {
        "session_metrics": {"total_tokens": 0, "details": {"model": [{"id": "m", "provider": "p", "input_tokens": 0}]}}
    }
    await db.sessions.upsert(SessionRecord(session_id=SESSION, session_type="agent", agent_id="a", session_data=data))
    for number in range(schedules):
        await db.schedules.create(
            ScheduleRecord(id=f"s{number}", name=f"s{number}", endpoint="/x", cron_expr="* * * * *", next_run_at=number)
        )


async def stored(db: Any) -> Stored:
    """What there is of all writers."""
    session = await db.sessions.get(SESSION)
    runs, index = await db.runs.of_session(SESSION), await db.runs.page(Page(), session_id=SESSION)
    assert len({run.run_index for run in index[0]}) == len(runs)
    memories, evaluations, schedules = [(await r.page(Page()))[0] for r in (db.memories, db.eval_runs, db.schedules)]
    metrics = session.session_data.pop("session_metrics")
    (model,) = metrics["details"]["model"]
    return Stored(
        rows={"evals": [evaluation.run_id for evaluation in evaluations]},
        lists={"runs": [run["id"] for run in runs]},
        values={
            **{f"state {name}": number for name, number in session.session_data.items()},
            **{f"memory {memory.memory_id}": memory.memory for memory in memories},
            **{run["id"]: run["status"] for run in runs if run["status"] is not None},
        },
        counts={"tokens": metrics["total_tokens"], "input": model["input_tokens"]},
        claims={schedule.id: schedule.locked_by for schedule in schedules},
    )


def in_transaction(operation: Operation) -> bool:
    """Whether it is one of `Writer.together`."""
    return _TOGETHER in f"{operation.place} {operation.value}"


def halves(found: Stored) -> set[str]:
    """The transactions of which only a part is stored; there are none."""
    rows = {name for name in found.rows["evals"] if _TOGETHER in name}
    runs = {name for name in found.lists["runs"] if _TOGETHER in name}
    of_memories = (name for name in found.values if name.startswith("memory ") and _TOGETHER in name)
    memories = {name.removeprefix("memory ") for name in of_memories}
    return (rows | runs | memories) - (rows & runs & memories)


# -- processes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the processes do. Each leaves its history in `directory`, and the number of its statements."""

    module: str
    kind: str
    arguments: dict[str, Any]
    directory: str
    turns: Sequence[str] = EVERYTHING
    processes: int = 4
    writers: int = 8
    rounds: int = 3
    lingering: float = 0.0
    """Seconds that the writers of the first process stay in their transactions."""

    @classmethod
    def on(cls, db: Any, directory: Path, **what: Any) -> Job:
        """A job on the storage of `db`, which another process can open."""
        kind = getattr(type(db), "_kind", type(db))
        url = getattr(db, "db_url", None)  # with its password
        arguments = {**db.to_dict(), **({} if url is None else {"db_url": url})}
        return cls(
            module=kind.__module__, kind=kind.__qualname__, arguments=arguments, directory=str(directory), **what
        )

    def operations(self) -> list[Operation]:
        """What the processes have noted."""
        return read(sorted(Path(self.directory).glob("*.history")))

    def statements(self) -> int:
        """The statements of all processes that came to their end."""
        return sum(int(path.read_text()) for path in Path(self.directory).glob("*.statements"))


@contextlib.asynccontextmanager
async def processes(job: Job) -> AsyncIterator[tuple[list[int], asyncio.subprocess.Process]]:
    """The ids of the processes of `job`, and the one whose end says that all have ended, 0 for well."""
    command = (sys.executable, "-m", __name__)
    started = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(json.dumps(asdict(job)).encode())
        started.stdin.close()
        yield json.loads(await started.stdout.readline()), started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def work(job: Job) -> None:
    """Run the processes of `job` to their end. Raises AssertionError when one of them fails."""
    async with processes(job) as (_, started):
        assert await started.wait() == 0


async def _write(job: Job, number: int) -> None:
    path = Path(job.directory, f"{number}.history")
    history = History(path)
    kind = getattr(importlib.import_module(job.module), job.kind)
    made = kind.from_dict(job.arguments)
    db = made if hasattr(made, "__aenter__") else AsyncFacade(made)
    writers = [Writer(db, history, f"w{number}.{n}") for n in range(job.writers)]
    async with db, asyncio.TaskGroup() as group:
        for writer in writers:
            writer.linger = 0.0 if number else job.lingering
            group.create_task(_turns(writer, job))
    path.with_suffix(".statements").write_text(str(db.statements_run))


async def _turns(writer: Writer, job: Job) -> None:
    for number in range(job.rounds):
        await writer.turn(number, job.turns)


def _fork(job: Job, number: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        asyncio.run(_write(job, number))
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def main() -> int:
    """Whether all processes but those that were killed have ended well: 0."""
    job = Job(**json.load(sys.stdin))
    importlib.import_module(job.module)
    children = [_fork(job, number) for number in range(job.processes)]
    print(json.dumps(children), flush=True)  # noqa: T201
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return int(any(code > 0 for code in codes))


if __name__ == "__main__":
    sys.exit(main())
