"""What the holder of a session knows about its row: the third side of a merge.

A session is read, changed in memory and saved, several times over, by several holders at once. To tell what a
holder has changed, and whether the row is still the one they know, each session carries a `Snapshot`. It holds the
texts that came from the database, so it costs nothing until there is something to merge. Copies of a session that
share its state (`copy.copy`, as agno's Team makes them) share the snapshot too; `copy.deepcopy` makes one of its own.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from agnodb import codec
from agnodb.merge import UNKNOWN, merged
from agnodb.policies import Policies

DOCUMENTS = ("session_data", "metadata", "summary")
"""The columns of a session that are merged."""

Documents = tuple[str | None, ...]
"""The texts of `DOCUMENTS`, in that order."""

TOKEN_LENGTH = 8
MOST_OPEN = 64
"""Saves whose outcome is not known that a snapshot remembers, and saves that a row does."""

_numbers = itertools.count(1)


@dataclass(slots=True)
class Save:
    """One save of a session: what was to be stored, and the token by which the row tells that it was."""

    documents: Documents
    number: int = field(default_factory=lambda: next(_numbers))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_LENGTH * 3 // 4))


@dataclass(slots=True)
class Snapshot:
    """The knowledge of one holder. It is changed by every save of the session that carries it."""

    place: tuple[str | None, str] | None = None
    """The database and the session whose row this is about; None until the session was read or saved."""
    base: Documents | None = None
    """What the session held when it was last in step with its row."""
    seen: Documents | None = None
    """What the row held then: more than `base`, where others had written too."""
    version: int = 0
    """The version of the row then."""
    done: int = 0
    """The number of the last save that is known to be stored."""
    open: list[Save] = field(default_factory=list)
    """Saves under way, and those that failed and may have been stored all the same."""

    @classmethod
    def of_row(cls, place: tuple[str | None, str], documents: Documents, version: int | None) -> Snapshot:
        """The snapshot of a session that was just read."""
        return cls(place, documents, documents, version or 0)

    def begin(self, place: tuple[str | None, str], documents: Documents) -> Save:
        """A save of `documents` to the row of `place`. What is known of another row is forgotten."""
        if self.place != place:
            self.place, self.base, self.seen, self.version, self.done, self.open = place, None, None, 0, 0, []
        save = Save(documents)
        self.open = [*self.open[1 - MOST_OPEN :], save]
        return save

    def stored(self, save: Save, row: Documents, version: int | None, *, as_given: bool) -> None:
        """`save` is in the row, which then held `row`: `as_given`, or merged with what others had written."""
        if save.number > self.done:
            self.done, self.seen, self.version = save.number, row, version or 0
            self.base = row if as_given else save.documents
        self.open = [other for other in self.open if other.number > save.number]

    def last_stored(self, tokens: Container[str]) -> Save | None:
        """The last of the open saves that a row which holds `tokens` has seen."""
        return max((save for save in self.open if save.token in tokens), key=lambda s: s.number, default=None)

    def __setstate__(self, state: Any) -> None:
        # Numbers mean something in one process only.
        for name, value in state[1].items():
            setattr(self, name, value)
        self.done = 0
        for save in self.open:
            save.number = next(_numbers)


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
