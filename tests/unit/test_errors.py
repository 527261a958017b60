"""The error tree: as it is drawn, safe to show, and able to cross a process boundary."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from agnodb import errors
from agnodb.errors import AgnoDbError, InvalidValueError, MissingDriverError, SchemaOutdatedError

REQUIRED: dict[type[AgnoDbError], dict[str, Any]] = {
    MissingDriverError: {"extra": "postgres", "driver": "asyncpg"},
    SchemaOutdatedError: {"command": "agnodb upgrade"},
}
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, AgnoDbError)]


def make(kind: type[AgnoDbError], **extra: Any) -> AgnoDbError:
    return kind(**REQUIRED.get(kind, {}), **extra)


def drawn() -> dict[str, tuple[str | None, int]]:
    """Name -> (parent, status code), as the module docstring draws them."""
    tree: dict[str, tuple[str | None, int]] = {}
    branch: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if line.startswith("    "):
            words = line.split()
            level = (len(line) - len(line.lstrip())) // 2 - 2
            del branch[level:]
            tree[words[0]] = (branch[-1] if branch else None, int(words[-1]))
            branch.append(words[0])
    return tree


def test_the_tree_is_as_drawn() -> None:
    actual = {
        kind.__name__: (
            kind.__base__.__name__ if kind is not AgnoDbError and kind.__base__ else None,
            kind.status_code,
        )
        for kind in CLASSES
    }
    assert drawn() == actual


def test_what_callers_of_agno_catch() -> None:
    assert issubclass(InvalidValueError, ValueError)
    assert not issubclass(errors.NotFoundError, KeyError)
    assert {kind.__name__ for kind in CLASSES if issubclass(kind, ValueError)} == {"InvalidValueError"}


@pytest.mark.parametrize("kind", CLASSES)
def test_only_the_sentence_is_shown(kind: type[AgnoDbError]) -> None:
    secret = "postgresql://bob:hunter2@db.internal/agno"
    error = make(kind, detail=secret, sqlstate="08006", statement=secret)
    for shown in (str(error), repr(error), "".join(map(str, error.args))):
        assert secret not in shown
        assert "08006" not in shown
    assert str(error)
    assert error.detail == secret
    assert error.facts["sqlstate"] == "08006"


@pytest.mark.parametrize("kind", CLASSES)
def test_pickle_and_copy_keep_everything(kind: type[AgnoDbError]) -> None:
    error = make(kind, detail="for the log", sqlstate="23505")
    error.add_note("a note")
    copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in (*copies, copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert twin.args == error.args
        assert twin.__dict__ == error.__dict__


def test_a_message_of_its_own() -> None:
    assert str(errors.NotFoundError("The session was not found.")) == "The session was not found."
    assert str(errors.NotFoundError()) == errors.NotFoundError.default_message
    assert errors.NotFoundError().detail is None
    assert errors.NotFoundError().facts == {}


def test_messages_that_say_what_to_run() -> None:
    missing = MissingDriverError(extra="postgres", driver="asyncpg")
    assert "pip install 'agnodb[postgres]'" in str(missing)
    assert missing.facts == {"extra": "postgres", "driver": "asyncpg"}
    outdated = SchemaOutdatedError(command="agnodb upgrade", table="agno_sessions")
    assert str(outdated).endswith("agnodb upgrade")
    assert outdated.facts == {"command": "agnodb upgrade", "table": "agno_sessions"}
