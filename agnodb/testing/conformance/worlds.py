"""Two database objects on one storage, whose statements meet faults when they are told to: for stateful tests."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agnodb.errors import AgnoDbError, NotFoundError
from agnodb.testing.injection import Fault, Kind

T = TypeVar("T")

Flat = dict[tuple[str, ...], Any]
"""The path of each value in a document -> the value."""


class CancelledHereError(Exception):
    """Stands for a cancellation where there is no event loop to cancel anything."""


def flat(document: Any, path: tuple[str, ...] = ()) -> Flat:
    """The values of a document; mappings that are empty are not told from none."""
    if not isinstance(document, Mapping):
        return {path: document}
    return {p: value for key, item in document.items() for p, value in flat(item, (*path, key)).items()}


@dataclass
class World:
    """Two database objects, and the loop on which they are used."""

    loop: asyncio.AbstractEventLoop
    databases: list[Any]
    injections: list[Any]
    examples: int = field(default=0)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, on the loop, which runs in another thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def database(self, who: int) -> Any:
        """What a holder uses."""
        return self.databases[who % 2]

    def new_session_id(self) -> str:
        """Every example has a session of its own: nothing needs to be cleared."""
        self.examples += 1
        return f"s{self.examples}"

    def look(self, session_id: str) -> tuple[Flat | None, list[str]]:
        """What is stored."""
        session = self.run(self.databases[0].sessions.get(session_id))
        runs = self.run(self.databases[0].runs.of_session(session_id))
        return None if session is None else flat(session.session_data), [run["id"] for run in runs]

    def version(self, session_id: str) -> int | None:
        """Counts the writes of a session, while it is there."""
        session = self.run(self.databases[0].sessions.get(session_id))
        return None if session is None else session.row_version

    def does(self, db: Any, work: Any, fault: int | None = None, at: int = 0) -> bool:
        """Whether `work()` is acknowledged; its statement number `at` meets a fault, if there is to be one."""
        injection = self.injections[self.databases.index(db)]
        if fault is not None:
            chosen = faults_of(injection)
            injection.arm(chosen[fault % len(chosen)], at)

        async def done() -> bool:
            try:
                await work()
            except (AgnoDbError, LookupError, asyncio.CancelledError, CancelledHereError) as error:
                if isinstance(error, NotFoundError):
                    raise
                return False
            return True

        try:
            return self.run(done())
        finally:
            injection.arm()


def faults_of(injection: Any) -> tuple[Fault, ...]:
    """One that is told, one whose answer is lost, and a cancellation before and after the statement is done."""
    final = next(fault for fault in injection.faults if fault.kind is Kind.FINAL)
    return (
        final,
        done_and_lost(injection),
        Fault("cancelled before", Kind.FINAL, injection.before(_cancelled)),
        Fault("cancelled after", Kind.LOST, injection.after(_cancelled)),
    )


def done_and_lost(injection: Any) -> Fault:
    """A statement is done, and its answer does not come."""
    lost = (fault for fault in injection.faults if fault.name == "lost during")
    return next(lost, Fault("failed after", Kind.LOST, injection.after(_read_error)))


def _read_error() -> Exception:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = 266
    return error


def _cancelled() -> BaseException:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return CancelledHereError()
    return asyncio.CancelledError()
