"""A learning that could not be read is not overwritten by whoever then takes it for absent.

agno's learning stores swallow a failed read: they go on as if there were no profile, and save a fresh one under the
same id. So a flow of control remembers the lookups that failed in it. Before it overwrites a stored learning that one
of them would have found, and that no lookup has found since, StaleVersionError is raised. A lookup is a read whose
answer may be "there is none": not a page or a search, from which agno picks what it takes for the same.

A flow is what has one context (`contextvars`): a task with the tasks and `to_thread` calls that it starts later, or a
thread. Each keeps its own marks, because a sibling that did read the row knows nothing to tell this one. A flow without
a failed lookup, the normal one, pays nothing; one that has them reads the stored row before it writes.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace

from agnodb.contracts.learnings import LearningRepository
from agnodb.errors import OwnershipError, StaleVersionError
from agnodb.records.learnings import LearningRecord

KEPT_SECONDS = 3600.0
"""How long a failed lookup is remembered: longer than any model takes between the read and the save, but a thread that
serves many runs must not remember it for ever."""

MOST = 100
"""How many a flow remembers; the oldest are forgotten first."""

_MESSAGE = "The record could not be read before, so it is not overwritten. Read it again and repeat."


@dataclass(frozen=True, slots=True)
class _Failed:
    """A lookup that failed in the database `place` and has not succeeded since."""

    place: str
    filters: Mapping[str, str]
    until: float
    known: frozenset[str] = frozenset()
    """The ids of what it would have found, and another lookup did, or the flow wrote itself."""

    def hides(self, learning: LearningRecord) -> bool:
        """Whether it would have found `learning`, of which nothing else is known."""
        found = all(getattr(learning, name) == value for name, value in self.filters.items())
        return found and learning.learning_id not in self.known


_failed: ContextVar[tuple[_Failed, ...]] = ContextVar("agnodb_failed_lookups", default=())


async def looked_up(
    reading: Awaitable[Sequence[LearningRecord]], place: str | None, filters: Mapping[str, str | None]
) -> Sequence[LearningRecord]:
    """What `reading` finds in `place`: all, or the latest, that equal `filters`, of which None means any.

    Without a place nothing is remembered.
    """
    if place is None:
        return await reading
    given = {name: value for name, value in filters.items() if value is not None}
    try:
        found = await reading
    except (GeneratorExit, OwnershipError):
        # Closed from elsewhere, not in the flow's context; or refused (`strict_owner`), as the save will be.
        raise
    except BaseException:
        mark = _Failed(place, given, time.monotonic() + KEPT_SECONDS)
        _failed.set((*_others(place, given), mark)[-MOST:])
        raise
    _known(place, found, _others(place, given))
    return found


def written(learning: LearningRecord, place: str | None) -> None:
    """This flow knows what is stored in `place` as `learning`: it wrote it."""
    _known(place, [learning], _failed.get())


async def refuse_hidden(learning_id: str, learnings: LearningRepository, place: str | None) -> None:
    """Raises StaleVersionError when a failed lookup of this flow hides the learning of that id; see the module."""
    failed = [one for one in _failed.get() if one.place == place and one.until > time.monotonic()]
    if not failed:
        return
    stored = await learnings.get(learning_id)
    if stored is not None and any(one.hides(stored) for one in failed):
        raise StaleVersionError(_MESSAGE, learning_id=learning_id)


def _others(place: str, filters: Mapping[str, str]) -> tuple[_Failed, ...]:
    """The failed lookups of this flow that are not this very one."""
    return tuple(one for one in _failed.get() if (one.place, one.filters) != (place, filters))


def _known(place: str | None, learnings: Sequence[LearningRecord], failed: tuple[_Failed, ...]) -> None:
    """Remember `failed`, which hide none of `learnings` any more."""
    if _failed.get():
        _failed.set(tuple(_without(one, learnings) if one.place == place else one for one in failed))


def _without(failed: _Failed, learnings: Sequence[LearningRecord]) -> _Failed:
    return replace(failed, known=failed.known.union(one.learning_id for one in learnings if failed.hides(one)))
