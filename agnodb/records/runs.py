"""A run: what one call of an agent, team or workflow did, with its messages."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Any, cast

from agnodb.records.base import Record

HISTORY_SKIP_STATUSES = ("PAUSED", "CANCELLED", "ERROR", "REGENERATED")
"""Runs with these statuses are not history for a model (agno 3.1 `agno.run.base.HISTORY_SKIP_STATUSES`)."""
RECENT, MOST_RECENT = 8, 64
"""So many of a session's last runs are known each by its token; and at most, where many have one place or none."""
FIRST_PLACE = -(2**63)
TOTAL_PART = 2**40
"""A total is over the remainders of tokens by this: an integer of 64 bits holds that of eight million runs."""


SAVED_AGAIN = ("status", "run_data", "parent_run_id", "updated_at")
"""What a save changes in a run that is there."""


@dataclass(slots=True, kw_only=True)
class RunRecord(Record):
    """One row of agno_runs. Times are epoch seconds.

    `run_index` is the run's place in its session. The database assigns it when the run is first written; what a
    caller sets is not stored.
    """

    run_id: str
    session_id: str
    run_type: str
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    user_id: str | None = None
    parent_run_id: str | None = None
    status: str | None = None
    run_index: int | None = None
    run_data: Any
    created_at: int | None = None
    updated_at: int | None = None


@dataclass(slots=True)  # to freeze it would double the time that a thousand of them take
class StoredRun:
    """A run as it is stored: what tells its content from any other, and the content unless it was known already."""

    token: Hashable
    """Another one after every change of the run, whoever made it. It means something to one database object only."""
    size: int = 0
    """See `stored_size`; 0 where the caller knows the token."""
    load: Callable[[], Any] | None = field(default=None, repr=False, compare=False)
    """Gives its document, made anew each time; None where the caller knows the token."""
    place: int | None = None
    """Its `run_index`; None also where tokens are no numbers."""


def stored_size(text: str) -> int:
    """The bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class KnownRuns:
    """What somebody knows of a session's runs, short enough to be sent with every read: see `known_runs`."""

    last: int = FIRST_PLACE
    """The runs up to this place are known by their number and by all their tokens made one: a digest or a total."""
    before: tuple[int, ...] = ()
    """Their tokens, which are not sent."""
    recent: tuple[Hashable, ...] = ()
    """The tokens of those after it, and of those without a place."""

    @property
    def count(self) -> int:
        """The number of runs up to `last`."""
        return len(self.before)

    @property
    def digest(self) -> int:
        """Their tokens, each XOR the next."""
        return reduce(xor, self.before, 0)

    @property
    def total(self) -> int:
        """The sum of what remains of each token when it is divided by `TOTAL_PART`."""
        return sum([token % TOTAL_PART for token in self.before])


def known_runs(tokens: Sequence[Hashable], places: Sequence[int | None]) -> KnownRuns | None:
    """Tells what is known of runs in order; None where it would not be short.

    A turn saves its run more than once, so the last ones are known each by itself. Runs at one place are not parted:
    who reads up to a place reads all of them.
    """
    cut = max(0, len(tokens) - RECENT)
    if None in places:
        cut = min(cut, places.index(None))
    while 0 < cut < len(places) and places[cut] == places[cut - 1]:
        cut += 1
    if len(tokens) - cut > MOST_RECENT:
        return None
    last = places[cut - 1] if cut else None
    if last is None:
        return KnownRuns(recent=tuple(tokens))
    return KnownRuns(last, tuple(cast("Sequence[int]", tokens[:cut])), tuple(tokens[cut:]))
