"""The runs of conversations that were read lately, as objects: a turn reads and parses only what changed since.

agno reads a session with its whole history at the beginning of every turn. Its runs are kept here by tokens: what a
`RunRepository` gives to tell the content of a run from any other (see `StoredRun`). The database decides at every read
which runs there are and which have changed, whoever wrote them; only what it does not need to send is taken from here.

The objects are shared between reads, as agno's own adapters share them: whoever changes a historical run copies it
first (agno 3.1, `agno.db.utils.SessionRunObjectCache`).
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from agnodb.records.runs import KnownRuns, StoredRun, known_runs

DEFAULT_MEGABYTES = 64.0


class Kept(NamedTuple):
    """A run that is kept."""

    made: Any
    size: int
    """The bytes of its stored text."""
    place: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of one session. Never changed: a reader may hold on to it."""

    runs: Mapping[Hashable, Kept] = field(default_factory=dict)
    """Token -> the run, in order."""
    size: int = 0

    def known(self) -> KnownRuns | None:
        """What to tell a database of these; None where there are none, or it would be long."""
        return known_runs([*self.runs], [run.place for run in self.runs.values()]) if self.runs else None


_NOTHING = Held()


def run_cache(caching: Mapping[str, float], *, shared: bool) -> RunCache | None:
    """The cache of a database with those arguments; None where none is wanted, or runs are not `shared` objects."""
    megabytes = caching.get("run_cache_mb", DEFAULT_MEGABYTES)
    return RunCache(megabytes) if megabytes and shared else None


class RunCache:
    """At most `megabytes` of runs, counted by their stored text; the sessions that were read longest ago go first.

    Shared by all tasks, loops and threads that use a database object. A child begins with an empty one after a fork:
    a thread of its parent may have been in the middle of a change.
    """

    def __init__(self, megabytes: float) -> None:
        self._most = int(megabytes * 1024 * 1024)
        self._begin()

    def _begin(self) -> None:
        self._sessions: OrderedDict[str, Held] = OrderedDict()
        self._lock, self._process = threading.Lock(), os.getpid()
        self._size = 0

    @property
    def size(self) -> int:
        """The bytes of what is kept."""
        return self._size

    def held(self, session_id: str) -> Held:
        """What is kept of a session."""
        if self._process != os.getpid():
            self._begin()
        return self._sessions.get(session_id, _NOTHING)

    def objects(
        self, session_id: str, held: Held, stored: Iterable[StoredRun], make: Callable[[Callable[[], Any]], Any]
    ) -> list[Any]:
        """The objects of what is `stored` now, in order: those of `held`, and what `make(load)` gives for others.

        They are kept from now on, instead of `held`.
        """
        return self._kept(session_id, _runs(held, stored, make))

    def changed(
        self,
        session_id: str,
        held: Held,
        known: KnownRuns,
        recent: Iterable[StoredRun],
        make: Callable[[Callable[[], Any]], Any],
    ) -> list[Any]:
        """As `objects`, where what is stored now are the `known.count` first runs of `held` and the `recent` ones."""
        before = dict(islice(held.runs.items(), known.count))
        return self._kept(session_id, before | _runs(held, recent, make))

    def _kept(self, session_id: str, runs: Mapping[Hashable, Kept]) -> list[Any]:
        self._keep(session_id, Held(runs, sum([run.size for run in runs.values()])))
        return [run.made for run in runs.values() if run.made is not None]

    def _keep(self, session_id: str, held: Held) -> None:
        with self._lock:
            self._size -= self._sessions.pop(session_id, _NOTHING).size
            if held.size > self._most:
                return
            self._sessions[session_id] = held
            self._size += held.size
            while self._size > self._most:
                self._size -= self._sessions.popitem(last=False)[1].size


def _runs(held: Held, stored: Iterable[StoredRun], make: Callable[[Callable[[], Any]], Any]) -> dict[Hashable, Kept]:
    runs: dict[Hashable, Kept] = {}
    for run in stored:
        known = held.runs.get(run.token)
        if known is None and run.load is not None:
            runs[run.token] = Kept(make(run.load), run.size, run.place)
        else:
            runs[run.token] = _found(known)
    return runs


def _found(known: Kept | None) -> Kept:
    if known is None:
        raise LookupError("a repository left out a run that was not known")
    return known
