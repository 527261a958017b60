"""What writers did, as they saw it, compared with what is stored: nothing lost, nothing twice, nothing invented.

    history = History()
    with history.doing(INSERT, "evals", "e1"):
        await db.eval_runs.create(...)
    assert check(history.operations, Stored(rows={"evals": ["e1"]})) == []

A writer notes each operation before it begins and when it has ended. How it ended is one of three: it was
acknowledged, it failed (the error says that nothing was done), or nobody knows: the connection was lost, the caller was
cancelled, the process was killed. So what is stored has a lower and an upper bound, and between them anything goes.

`History(path)` appends to a file, line by line, so that a process which is killed leaves all that it knew; `read` gives
the operations of any number of files. Times are `time.monotonic()`, which the processes of one machine share.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agnodb.errors import AgnoDbError, UnavailableError

INSERT = "insert"
"""`value` is a new row of `place`: stored once."""
APPEND = "append"
"""`value` is put at the end of the list `place`, once; a later one of the same value changes nothing."""
SET = "set"
"""`place` holds `value`, and nothing else."""
ADD = "add"
"""The number at `place` grows by `value`."""
CLAIM = "claim"
"""`place` is had by `value`, if nobody else has it. The place is `ANY` where it is not for the writer to choose."""

ANY = "*"

ACKNOWLEDGED, FAILED, UNKNOWN = "acknowledged", "failed", "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of what is stored, as its writer saw it."""

    kind: str
    place: str
    value: Any
    outcome: str
    began: float
    ended: float = math.inf


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is in the end, by place."""

    rows: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    lists: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Doing:
    """An operation under way."""

    place: str | None = ANY
    """What a claim of `ANY` was given; None for nothing."""


class History:
    """The notes of the writers of one process. Values must be JSON, and hashable but for those of SET."""

    def __init__(self, path: Path | None = None) -> None:
        self._lines: list[str] = []
        self._numbers = itertools.count()
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    @contextlib.contextmanager
    def doing(self, *changes: Any) -> Iterator[Doing]:
        """Note that the block makes a change (kind, place, value), or several at once, given as tuples.

        An error that says that the database was not reached, or is none of ours, leaves it unknown whether they were
        made; any other says that they were not. Errors pass through.
        """
        wanted = list(changes) if isinstance(changes[0], tuple) else [changes]
        number = next(self._numbers)
        self._note({"number": number, "changes": wanted, "began": time.monotonic()})
        outcome, doing = UNKNOWN, Doing()
        try:
            yield doing
            outcome = FAILED if doing.place is None else ACKNOWLEDGED
        except AgnoDbError as error:
            outcome = UNKNOWN if isinstance(error, UnavailableError) else FAILED
            raise
        finally:
            self._note({"number": number, "outcome": outcome, "at": doing.place, "ended": time.monotonic()})

    def _note(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry)
        self._lines.append(line)
        if self._file is not None:
            os.write(self._file, f"{line}\n".encode())  # with the kernel, it outlives this process

    @property
    def operations(self) -> list[Operation]:
        """All operations so far."""
        return _operations(self._lines)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read(paths: Iterable[Path]) -> list[Operation]:
    """The operations in files that histories have written."""
    return [operation for path in paths for operation in _operations(path.read_text().splitlines())]


def _operations(lines: Iterable[str]) -> list[Operation]:
    begun: dict[int, dict[str, Any]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # the last one of a process that was killed
            continue
        begun.setdefault(entry["number"], {}).update(entry)
    return [
        Operation(
            kind,
            (entry.get("at") or ANY) if place == ANY else place,
            value,
            entry.get("outcome", UNKNOWN),
            entry["began"],
            _ended(entry),
        )
        for entry in begun.values()
        for kind, place, value in entry["changes"]
    ]


def _ended(entry: Mapping[str, Any]) -> float:
    """What nobody knows may happen at any time."""
    ended: float = entry["ended"] if entry.get("outcome", UNKNOWN) != UNKNOWN else math.inf
    return ended


# -- the comparison ---------------------------------------------------------------------------------------------


def check(operations: Iterable[Operation], stored: Stored) -> list[str]:
    """What is wrong, a sentence each; nothing when `stored` can have come of the operations."""
    places: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for operation in operations:
        places[operation.kind, operation.place].append(operation)
    problems = []
    for kind, (compare, found) in _checks(stored).items():
        names = dict.fromkeys((*(place for of, place in places if of == kind), *found))
        for place in names:
            anywhere = [] if place == ANY else places.get((kind, ANY), [])
            made = [o for o in (*places.get((kind, place), []), *anywhere) if o.outcome != FAILED]
            problems += [f"{kind} {place}: {problem}" for problem in compare(made, found.get(place))]
    return problems


Check = Callable[[list[Operation], Any], Iterator[str]]


def _checks(stored: Stored) -> dict[str, tuple[Check, Mapping[str, Any]]]:
    return {
        INSERT: (_rows, stored.rows),
        APPEND: (_list, stored.lists),
        SET: (_value, stored.values),
        ADD: (_count, stored.counts),
        CLAIM: (_claim, stored.claims),
    }


def _acknowledged(made: Iterable[Operation]) -> list[Operation]:
    return [operation for operation in made if operation.outcome == ACKNOWLEDGED]


def _rows(made: list[Operation], found: Sequence[Any] | None) -> Iterator[str]:
    times = Counter(found or ())
    for operation in _acknowledged(made):
        if not times[operation.value]:
            yield f"{operation.value!r} was acknowledged and is lost"
    attempted = {operation.value for operation in made}
    for value, number in times.items():
        if value not in attempted:
            yield f"{value!r} is there, and nobody has made it"
        elif number > 1:
            yield f"{value!r} is there {number} times"


def _list(made: list[Operation], found: Sequence[Any] | None) -> Iterator[str]:
    yield from _rows(made, found)
    first: dict[Any, Operation] = {}
    for operation in made:
        known = first.get(operation.value)
        if known is None or operation.ended < known.ended:
            first[operation.value] = operation
    latest: Operation | None = None
    for operation in (first[value] for value in found or () if value in first):
        if latest is not None and operation.ended < latest.began:
            yield f"{operation.value!r} was acknowledged before {latest.value!r} had begun, and stands behind it"
        if latest is None or operation.began > latest.began:
            latest = operation


def _value(made: list[Operation], found: Any) -> Iterator[str]:
    acknowledged = _acknowledged(made)
    if found is None:
        if acknowledged:
            yield f"{acknowledged[-1].value!r} was acknowledged, and there is nothing"
        return
    writers = [operation for operation in made if operation.value == found]
    if not writers:
        yield f"it holds {found!r}, which nobody has written"
        return
    last_begun = max((operation.began for operation in acknowledged), default=-math.inf)
    if all(operation.ended < last_begun for operation in writers):
        later = max(acknowledged, key=lambda operation: operation.began)
        yield f"it holds {found!r}, and {later.value!r} was acknowledged later"


def _count(made: list[Operation], found: float | None) -> Iterator[str]:
    least = sum(operation.value for operation in _acknowledged(made))
    most = sum(operation.value for operation in made)
    if not least <= (found or 0) <= most:
        yield f"it is {found}, and must be between {least} and {most}"


def _claim(made: list[Operation], found: Any) -> Iterator[str]:
    winners = {operation.value for operation in _acknowledged(made)}
    if len(winners) > 1:
        yield f"was given to each of {sorted(winners)}"
    elif winners and found not in winners:
        yield f"was given to {winners.pop()!r}, and {found!r} has it"
    elif found is not None and found not in {operation.value for operation in made}:
        yield f"{found!r} has it, who never asked for it"
