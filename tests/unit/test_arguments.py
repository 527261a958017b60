"""Constructor arguments: each name once, the defaults of what they stand for, by name and by place."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

from agnodb import AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SqliteDb
from agnodb.agno.base import AsyncBaseDb, BaseDb
from agnodb.config import TableNames
from agnodb.databases import arguments
from agnodb.drivers import Connecting
from agnodb.policies import Policies

CLASSES = (AsyncPostgresDb, PostgresDb, AsyncSqliteDb, SqliteDb)
URLS = {cls: "postgresql://u:p@localhost/x" if "Postgres" in cls.__qualname__ else "sqlite://" for cls in CLASSES}

each_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)


def test_the_groups_of_arguments_are_what_they_are_passed_on_to() -> None:
    assert set(get_type_hints(arguments.ServerConnecting)) == {*Connecting.names(), "migrations_url"}
    assert set(get_type_hints(arguments.Pooling)) < set(Connecting.names())
    assert set(get_type_hints(arguments.Policing)) == set(Policies.names())


@each_class
def test_every_kept_table_has_an_argument(cls: type) -> None:
    assert set(TableNames.arguments()) <= set(inspect.signature(cls).parameters)


@each_class
def test_a_default_is_what_an_absent_argument_means(cls: type) -> None:
    listed = {p.name: p.default for p in inspect.signature(cls).parameters.values()}
    defaults = {name: default for name, default in listed.items() if name not in ("db_url", "id")}
    given = {"db_url": URLS[cls], "id": "one"}
    assert cls(**defaults, **given).to_dict() == cls(**given).to_dict()


@each_class
def test_an_argument_may_be_given_by_its_place(cls: type) -> None:
    places = list(inspect.signature(cls).parameters)
    before = places[: places.index("session_table")]
    values = [URLS[cls] if name == "db_url" else None for name in before]
    assert cls(*values, "chats", "turns").to_dict()["runs_table"] == "turns"


@each_class
def test_an_unknown_argument_is_a_type_error(cls: type) -> None:
    with pytest.raises(TypeError, match="no_such_table"):
        cls(db_url=URLS[cls], no_such_table="x")


@each_class
def test_a_stored_database_keeps_the_names_of_all_tables(cls: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGNODB_URL", URLS[cls])
    names = {name: f"my_{name}" for name in inspect.signature(cls).parameters if name.endswith("_table")}
    names.pop("sandbox_table", None)  # a sandbox takes agno's own classes only
    base = AsyncBaseDb if issubclass(cls, AsyncBaseDb) else BaseDb
    known = inspect.signature(base).parameters  # an older agno does not know all of them
    names = {name: chosen for name, chosen in names.items() if name in known or "_arguments" in known}
    stored = cls(db_url=URLS[cls], **names).to_dict()
    assert names.items() <= stored.items()
    assert cls.from_dict(stored).to_dict() == stored  # type: ignore[attr-defined]
