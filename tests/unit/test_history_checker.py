"""The history checker finds what it is for: losses, doubles, inventions, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agnodb.errors import DuplicateKeyError, UnavailableError
from agnodb.testing.history import (
    ACKNOWLEDGED,
    ADD,
    ANY,
    APPEND,
    CLAIM,
    FAILED,
    INSERT,
    SET,
    UNKNOWN,
    History,
    Operation,
    Stored,
    check,
    read,
)

FIELDS = {INSERT: "rows", APPEND: "lists", SET: "values", ADD: "counts", CLAIM: "claims"}


def problems(kind: str, made: list[tuple[Any, ...]], found: Any) -> list[str]:
    """Of operations (value, outcome[, began, ended]) at one place, one after the other unless they say their times."""
    operations = [
        Operation(kind, "p", value, outcome, *(times or (number, number + 0.5 if outcome != UNKNOWN else float("inf"))))
        for number, (value, outcome, *times) in enumerate(made)
    ]
    return check(operations, Stored(**{FIELDS[kind]: {} if found is None else {"p": found}}))


OK, NO, PERHAPS = ACKNOWLEDGED, FAILED, UNKNOWN

GOOD: list[tuple[str, list[tuple[Any, ...]], Any]] = [
    (INSERT, [], None),
    (INSERT, [("a", OK), ("b", NO), ("c", PERHAPS)], ["a"]),
    (INSERT, [("a", OK), ("b", NO), ("c", PERHAPS)], ["c", "a"]),
    (APPEND, [("a", OK), ("b", OK), ("a", OK)], ["a", "b"]),
    (APPEND, [("a", OK, 0, 9), ("b", OK, 1, 2)], ["b", "a"]),
    (APPEND, [("a", PERHAPS), ("b", OK)], ["b", "a"]),
    (SET, [(1, OK), (2, OK)], 2),
    (SET, [(1, OK), (2, NO)], 1),
    (SET, [(1, OK), (2, PERHAPS)], 1),
    (SET, [(1, PERHAPS), (2, OK)], 1),
    (SET, [(1, PERHAPS)], None),
    (SET, [(1, OK, 0, 9), (2, OK, 1, 2)], 1),
    (SET, [({"any": [1]}, OK)], {"any": [1]}),
    (ADD, [(1, OK), (2, OK)], 3),
    (ADD, [(1, OK), (2, PERHAPS), (4, NO)], 1),
    (ADD, [(1, OK), (2, PERHAPS), (4, NO)], 3),
    (CLAIM, [("w1", OK), ("w2", NO)], "w1"),
    (CLAIM, [("w1", PERHAPS), ("w2", NO)], "w1"),
    (CLAIM, [("w1", PERHAPS)], None),
]
BAD: list[tuple[str, list[tuple[Any, ...]], Any, str]] = [
    (INSERT, [("a", OK)], None, "lost"),
    (INSERT, [("a", OK), ("b", OK)], ["b"], "lost"),
    (INSERT, [("a", OK)], ["a", "a"], "2 times"),
    (INSERT, [("a", PERHAPS)], ["a", "a"], "2 times"),
    (INSERT, [("a", NO)], ["a"], "nobody"),
    (INSERT, [], ["a"], "nobody"),
    (APPEND, [("a", OK)], [], "lost"),
    (APPEND, [("a", OK)], ["a", "a"], "2 times"),
    (APPEND, [("a", OK), ("b", OK)], ["b", "a"], "behind"),
    (APPEND, [("a", OK), ("b", OK), ("c", OK)], ["a", "c", "b"], "behind"),
    (APPEND, [("a", OK), ("b", PERHAPS)], ["b", "a"], "behind"),
    (APPEND, [("a", OK), ("b", OK), ("a", OK)], ["b", "a"], "behind"),
    (SET, [(1, OK)], None, "nothing"),
    (SET, [(1, OK), (2, OK)], 1, "later"),
    (SET, [(1, OK), (2, NO)], 2, "nobody"),
    (SET, [], 7, "nobody"),
    (ADD, [(1, OK), (2, OK)], 1, "between 3 and 3"),
    (ADD, [(1, OK)], None, "between 1 and 1"),
    (ADD, [(1, OK), (2, PERHAPS)], 5, "between 1 and 3"),
    (ADD, [], 1, "between 0 and 0"),
    (CLAIM, [("w1", OK), ("w2", OK)], "w2", "each of"),
    (CLAIM, [("w1", OK), ("w2", PERHAPS)], "w2", "given to 'w1'"),
    (CLAIM, [("w1", OK)], None, "given to 'w1'"),
    (CLAIM, [("w1", NO)], "w1", "never asked"),
]


@pytest.mark.parametrize(("kind", "made", "found"), GOOD)
def test_what_can_have_happened_is_no_problem(kind: str, made: list[tuple[Any, ...]], found: Any) -> None:
    assert problems(kind, made, found) == []


@pytest.mark.parametrize(("kind", "made", "found", "said"), BAD)
def test_what_cannot_have_happened_is_found(kind: str, made: list[tuple[Any, ...]], found: Any, said: str) -> None:
    (problem,) = problems(kind, made, found)
    assert problem.startswith(f"{kind} p: ")
    assert said in problem


def test_errors_tell_what_is_known() -> None:
    history = History()
    with history.doing(INSERT, "p", "done"):
        pass
    for error in (DuplicateKeyError(), UnavailableError(), KeyboardInterrupt()):
        with pytest.raises(type(error)), history.doing((INSERT, "p", repr(error)), (ADD, "n", 1)):
            raise error
    outcomes = [operation.outcome for operation in history.operations]
    assert outcomes == [OK, NO, NO, PERHAPS, PERHAPS, PERHAPS, PERHAPS]


def test_a_claim_of_whatever_there_is() -> None:
    history = History()
    for name, given in (("w1", "p"), ("w2", None)):
        with history.doing(CLAIM, ANY, name) as doing:
            doing.place = given
    assert check(history.operations, Stored(claims={"p": "w1", "q": None})) == []
    assert len(check(history.operations, Stored(claims={"p": "w1", "q": "w2"}))) == 1
    with pytest.raises(UnavailableError), history.doing(CLAIM, ANY, "w2"):
        raise UnavailableError
    assert check(history.operations, Stored(claims={"p": "w1", "q": "w2"})) == []
    assert len(check(history.operations, Stored(claims={"p": "w2"}))) == 1


def test_a_process_that_is_killed_leaves_what_it_knew(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = History(path)
    with history.doing(INSERT, "p", "done"):
        with history.doing(INSERT, "p", "under way"):
            found = read([path])
            assert [(o.value, o.outcome) for o in found] == [("done", PERHAPS), ("under way", PERHAPS)]
        assert [o.outcome for o in read([path])] == [PERHAPS, OK]
    history.close()
    with path.open("a") as file:
        file.write(json.dumps({"number": 9, "changes": []})[:-5])
    assert read([path]) == history.operations
    assert [o.outcome for o in history.operations] == [OK, OK]
