"""What the holder of a session knows about its row: the third side of a merge.

A session is read, changed in memory and saved, several times over, by several holders at once. To tell what a
holder has changed, and whether the row is still the one they know, each session carries a `Snapshot`. It holds the
texts that came from the database, so it costs nothing until there is something to merge. Copies of a session that
share its state (`copy.copy`, as agno's Team makes them) share the snapshot too; `copy.deepcopy` makes one of its own.

Several may also work on one session at a time, each on a mapping of their own that becomes the session's state when
they save it: so agno's runs of a cached session do. The rest of the session they share, and each of its saves holds
all that the earlier ones held. Of the state that is not so, and what one of them began with is looked up by the time.
"""

from __future__ import annotations

import itertools
import math
import secrets
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agnodb import codec
from agnodb.merge import UNKNOWN, merged
from agnodb.policies import Policies

DOCUMENTS = ("session_data", "metadata", "summary")
"""The columns of a session that are merged."""

Documents = tuple[str | None, ...]
"""The texts of `DOCUMENTS`, in that order."""

_NOTHING: Documents = (None, None, None)

Place = tuple[str | None, str]
"""A database, and the id of a session in it."""

TOKEN_LENGTH = 8
MOST_OPEN = 64
"""Saves whose outcome is not known that a snapshot remembers, and saves that a row does."""

MOST_DONE = 32
"""Saves that a snapshot remembers after they were stored. Who began before the oldest of them deletes nothing."""

MOST_PLACES = 16
"""Rows in other places that a snapshot remembers, the last ones: one object may be saved under any number of ids."""

_STATE = "session_state"

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Holding:
    """The mapping that is a session's state now, and when its holder began with it (as `time.perf_counter()`).

    agno's concurrent runs of a cached session share the session but not this mapping: each puts its own there.
    """

    state: Any = None
    since: float = math.inf


NOBODY = Holding()


@dataclass(slots=True, eq=False)
class Save:
    """One save of a session: what was to be stored, and the token by which the row tells that it was."""

    documents: Documents
    holding: Holding = NOBODY
    number: int = field(default_factory=lambda: next(_numbers))
    moment: float = field(default_factory=time.perf_counter)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_LENGTH * 3 // 4))


@dataclass(slots=True)
class Snapshot:
    """The knowledge of one holder. It is changed by every save of the session that carries it."""

    place: Place | None = None
    """The database and the session whose row this is about; None until the session was read or saved."""
    seen: Documents | None = None
    """What the row held when the session was last in step with it: more than the session did, if others write too."""
    version: int = 0
    """The version of the row then."""
    done: list[Save] = field(default_factory=list)
    """The last saves that are known to be stored, in order. A session that was read begins with one."""
    open: list[Save] = field(default_factory=list)
    """Saves under way, and those that failed and may have been stored all the same."""
    elsewhere: dict[Place, Snapshot] = field(default_factory=dict)
    """What is known of the rows in other places where the same session is saved."""

    @classmethod
    def of_row(cls, place: Place, documents: Documents, version: int | None) -> Snapshot:
        """The snapshot of a session that was just read."""
        return cls(place, documents, version or 0, [_read(documents)])

    def at(self, place: Place) -> Snapshot:
        """What the holder knows of the row of `place`."""
        if self.place is None:
            self.place = place
        if self.place == place:
            return self
        known = self.elsewhere.pop(place, None) or Snapshot(place)
        self.elsewhere = {**dict(list(self.elsewhere.items())[1 - MOST_PLACES :]), place: known}
        return known

    def knows(self, tokens: Container[str]) -> bool:
        """Whether the holder has read the row, which holds `tokens`, or has saved it."""
        return self.seen is not None or bool(self.done) or any(save.token in tokens for save in self.open)

    def begin(self, documents: Documents, holding: Holding = NOBODY) -> Save:
        """A save of `documents`."""
        save = Save(documents, holding)
        self.open = [*self.open[1 - MOST_OPEN :], save]
        return save

    def stored(self, save: Save, row: Documents, version: int | None, *, as_given: bool) -> None:
        """`save` is in the row, which then held `row`: `as_given`, or merged with what others had written."""
        if as_given:
            save.documents = row
        overtaken = bool(self.done) and self.done[-1].number > save.number
        if not overtaken or (version or 0) > self.version:
            self.seen, self.version = row, version or 0
        if save not in self.done:
            self.done = _in_order([*self.done, save]) if overtaken else [*self.done, save]
        known = self._known(lambda other: other in self.done)
        self.done, self.open = known[-MOST_DONE:], [other for other in self.open if other not in known]

    def sides(self, save: Save, tokens: Container[str] = ()) -> tuple[Documents | None, Documents] | None:
        """What the holder began with, if that is known, and what they have made of it until `save`.

        None when there is nothing to store: the row, which holds `tokens`, has seen the save or one that went on
        from it.
        """
        known = self._known(lambda other: other in self.done or other.token in tokens)
        if save in known or save.token in tokens:
            return None
        if not known:
            return None, save.documents
        newest = known[-1]
        later = newest.number > save.number
        mine = _with_state(newest, save.documents, save.holding.state) if later else save.documents
        saves = self._all()
        begun = _before(save, saves)
        while begun is not None and begun not in known:
            begun = _before(begun, saves)
        if begun is newest:
            return newest.documents, mine
        return _with_state(newest, _NOTHING if begun is None else begun.documents, save.holding.state), mine

    def _all(self) -> list[Save]:
        if len(self.open) == 1 and self.done and self.done[-1].number < self.open[0].number:
            return [*self.done, *self.open]  # nothing overlaps, as is the rule
        return _in_order({*self.done, *self.open})

    def _known(self, is_stored: Callable[[Save], bool]) -> list[Save]:
        """The saves of which that is so, and those that they went on from: they were stored with them. In order."""
        if len(self.open) == 1 and not (self.done and self.done[-1].number > self.open[0].number):
            only = self.open[0]  # as above
            return self.done if only in self.done or not is_stored(only) else [*self.done, only]
        saves, known = self._all(), set[Save]()
        for save in reversed(saves):
            if save in known or is_stored(save):
                known |= {save, _before(save, saves) or save}
        return [save for save in saves if save in known]

    def __getstate__(self) -> tuple[Any, ...]:
        # Numbers, moments and holders mean something to this object only.
        base = self.done[-1].documents if self.done else None
        saves = [(save.documents, save.token) for save in self.open]
        return self.place, self.seen, self.version, base, saves, self.elsewhere

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.place, self.seen, self.version, base, saves, self.elsewhere = state
        self.done = [] if base is None else [_read(base)]
        self.open = [Save(documents, token=token) for documents, token in saves]


def _read(documents: Documents) -> Save:
    return Save(documents, number=0, moment=0.0, token="")


def _in_order(saves: Iterable[Save]) -> list[Save]:
    return sorted(saves, key=lambda save: save.number)


def _before(save: Save, saves: Sequence[Save]) -> Save | None:
    """The save among `saves`, in order, that `save` went on from.

    It is the last one of the same mapping, else what the session held when the holder began.
    """
    begun = None
    for other in reversed(saves):
        if other.number < save.number:
            if other.holding.state is save.holding.state:
                return other
            if begun is None and other.moment <= save.holding.since:
                begun = other
    return begun


def _with_state(newest: Save, documents: Documents, state: Any) -> Documents:
    """What `newest` has stored, with the state as it is in `documents`.

    A value that the mapping `state` and that of `newest` have in common, as one object, is as in `newest`: what is
    changed in it, is changed in both.
    """
    data = _decoded(newest.documents[0])
    if not (isinstance(data, Mapping) and isinstance(state, Mapping)):
        return newest.documents
    others = newest.holding.state if isinstance(newest.holding.state, Mapping) else {}
    common = {key for key, value in state.items() if isinstance(value, dict | list) and others.get(key) is value}
    here, there = _state(data), _state(_decoded(documents[0]))
    own = {key: value for key, value in there.items() if key not in common}
    own |= {key: value for key, value in here.items() if key in common}
    return _encoded({**data, _STATE: own}), *newest.documents[1:]


def _state(data: Any) -> Mapping[Any, Any]:
    state = data.get(_STATE) if isinstance(data, Mapping) else None
    return state if isinstance(state, Mapping) else {}


def merged_documents(
    base: Documents | None, mine: Documents, theirs: Documents, policies: Policies, *, fresh: bool = False
) -> Documents:
    """The documents of a row that holds `theirs`, saved as `mine`. See `agnodb.merge.merged`.

    Without a `base` they began with nothing if they are `fresh`, else with something that is not known. Raises
    StaleVersionError where the policies say so.
    """
    none: Any = None if fresh else UNKNOWN
    bases = (none,) * len(DOCUMENTS) if base is None else map(_decoded, base)
    return tuple(
        _encoded(merged(name, begun, _decoded(own), _decoded(other), policies))
        for name, begun, own, other in zip(DOCUMENTS, bases, mine, theirs, strict=True)
    )


def _decoded(text: str | None) -> Any:
    return None if text is None else codec.decode(text)


def _encoded(value: Any) -> str | None:
    return None if value is None else codec.encode(value)
