"""The runs of conversations that were read lately, as objects: a turn reads and parses only what changed since.

agno reads a session with its whole history at the beginning of every turn. Its runs are kept here by tokens: what a
`RunRepository` gives to tell the content of a run from any other (see `StoredRun`). The database decides at every read
which runs there are and which have changed, whoever wrote them; only what it does not need to send is taken from here.

The objects are shared between reads, as agno's own adapters share them: whoever changes a historical run copies it
first (agno 3.1, `agno.db.utils.SessionRunObjectCache`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agnodb.records.runs import StoredRun

DEFAULT_MEGABYTES = 64.0


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of one session. Never changed: a reader may hold on to it."""

    runs: Mapping[Hashable, tuple[Any, int]] = field(default_factory=dict)
    """Token -> the object and the bytes of its stored text, in order."""
    size: int = 0


_NOTHING = Held()


class RunCache:
    """At most `megabytes` of runs, counted by their stored text; the sessions that were read longest ago go first.

    Shared by all tasks, loops and threads that use a database object.
    """

    def __init__(self, megabytes: float) -> None:
        self._most = int(megabytes * 1024 * 1024)
        self._sessions: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.Lock()
        self._size = 0

    @property
    def size(self) -> int:
        """The bytes of what is kept."""
        return self._size

    def held(self, session_id: str) -> Held:
        """What is kept of a session."""
        return self._sessions.get(session_id, _NOTHING)

    def objects(
        self, session_id: str, held: Held, stored: Iterable[StoredRun], make: Callable[[Any], Any]
    ) -> list[Any]:
        """The objects of what is `stored` now, in order: those of `held`, and what `make(document)` gives for others.

        They are kept from now on, instead of `held`.
        """
        runs: dict[Hashable, tuple[Any, int]] = {}
        for run in stored:
            known = held.runs.get(run.token)
            runs[run.token] = (make(run.load()), run.size) if known is None and run.load is not None else _found(known)
        self._keep(session_id, Held(runs, sum(size for _, size in runs.values())))
        return [made for made, _ in runs.values() if made is not None]

    def _keep(self, session_id: str, held: Held) -> None:
        with self._lock:
            self._size -= self._sessions.pop(session_id, _NOTHING).size
            if held.size > self._most:
                return
            self._sessions[session_id] = held
            self._size += held.size
            while self._size > self._most:
                self._size -= self._sessions.popitem(last=False)[1].size


def _found(known: tuple[Any, int] | None) -> tuple[Any, int]:
    if known is None:
        raise LookupError("a repository left out a run that was not known")
    return known
