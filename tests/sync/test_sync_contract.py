"""agno's sync base class, walked: what is overridden has agno's very form, what is not is agno's very function."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest
from agno.db.base import BaseDb
from agno.db.migrations.manager import MigrationManager
from calls import public_methods, repository_classes
from sync_places import REPOSITORY, SyncPlace
from test_contract import NEVER_PASSED, NOT_READ, OVERRIDDEN, unwrapped

from agnodb import PostgresDb, SqliteDb
from agnodb.agno.served import family_of
from agnodb.contracts.repositories import Repositories
from agnodb.databases.methods.all import AllMethods
from agnodb.databases.sync_methods import SyncMethods
from agnodb.errors import AgnoDbError

IN_BULK = {"upsert_sessions", "upsert_memories"}
EVERY = OVERRIDDEN | IN_BULK
FUNCTIONS = {name: f for name, f in vars(BaseDb).items() if inspect.isroutine(f)}

each_class = pytest.mark.parametrize("cls", [PostgresDb, SqliteDb], ids=["postgresql", "sqlite"])


def form(function: Any) -> list[tuple[str, Any, Any]]:
    """Names, kinds, order and defaults of the parameters."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def agnos(cls: type) -> Any:
    """agno's adapter of the same name."""
    module = importlib.import_module("agno.db.postgres" if cls is PostgresDb else "agno.db.sqlite")
    return getattr(module, cls.__qualname__)


@each_class
def test_it_is_a_true_subclass_that_can_be_constructed(cls: type) -> None:
    assert BaseDb in cls.__mro__
    assert not cls.__abstractmethods__  # type: ignore[attr-defined]


@each_class
def test_a_method_is_overridden_exactly_where_we_keep_its_table(cls: type) -> None:
    changed = {
        name
        for name, function in FUNCTIONS.items()
        if unwrapped(inspect.getattr_static(cls, name)) is not unwrapped(function)
    }
    assert {name for name in changed - EVERY if not family_of(name)} == set(), "agno takes it for supported"
    assert EVERY - changed == set(), "still agno's stub"


@each_class
def test_a_method_is_a_plain_function_with_agnos_signature(cls: type) -> None:
    for name in sorted(EVERY - {"__init__"}):
        ours = inspect.getattr_static(cls, name)
        assert inspect.isfunction(unwrapped(ours)), name
        assert not inspect.iscoroutinefunction(ours), name
        assert form(getattr(cls, name)) == form(getattr(BaseDb, name)), name


@pytest.mark.parametrize("kind", [SyncMethods, *repository_classes()], ids=lambda kind: kind.__name__)
def test_a_method_has_the_signature_and_the_docstring_of_the_async_one(kind: type) -> None:
    concepts = [member.fget for member in vars(Repositories).values() if isinstance(member, property)]
    contracts = [concept.__annotations__["return"] for concept in concepts if concept is not None]
    assert kind is SyncMethods or kind.__name__.removeprefix("Sync") in contracts
    for name, method in public_methods(kind).items():
        assert not inspect.iscoroutinefunction(method), name
        assert inspect.getdoc(method), name
        assert not hasattr(method, "__wrapped__"), "inspect would look through it"
        if kind is SyncMethods:
            twin = getattr(AllMethods, name)
            assert inspect.signature(method) == inspect.signature(twin)
            assert inspect.getdoc(method) == inspect.getdoc(twin)


@each_class
def test_it_takes_what_agnos_adapter_takes(cls: type) -> None:
    """agno passes some arguments that only its adapters have."""
    for name in sorted(EVERY - {"__init__"}):
        theirs = inspect.signature(getattr(agnos(cls), name)).parameters
        ours = inspect.signature(getattr(cls, name)).parameters
        if all(p.kind is not p.VAR_KEYWORD for p in ours.values()):
            assert set(theirs) - {"kwargs"} - set(ours) - NEVER_PASSED == set(), name


@each_class
def test_the_constructor_takes_agnos_arguments_at_agnos_places(cls: type) -> None:
    theirs, ours = form(agnos(cls).__init__), form(cls.__init__)  # type: ignore[misc]
    assert ours[: len(theirs)] == theirs
    assert all(default is not inspect.Parameter.empty for _, _, default in ours[len(theirs) :])


@each_class
def test_the_probed_methods_are_there(cls: type) -> None:
    for name in ("update_run_in_session", "append_run_to_session_if_absent", "insert_session_if_absent"):
        assert form(getattr(cls, name)) == form(getattr(agnos(PostgresDb), name)), name


def test_agno_finds_the_attributes_it_reads(place: SyncPlace) -> None:
    with place.ours() as database:
        theirs = agnos(type(database))(db_url=place.url.replace("postgresql:", "postgresql+psycopg:"))
        names = [name for name in vars(theirs) if name.endswith("_table_name") and name not in NOT_READ]
        assert len(names) >= 20
        assert {n: getattr(database, n) for n in names} == {n: getattr(theirs, n) for n in names}
        assert database.db_url == place.url
        assert database.create_schema is True
        assert "agno_sessions" in {table.name for table in database.metadata.tables.values()}
        assert database.db_engine.dialect.name == place.kind
        database.create_tables()
        with database.Session() as session:
            assert session.execute(database.metadata.sorted_tables[0].select()).fetchall() is not None
        if place.kind == "postgresql":
            assert database.db_schema == "ai"


def test_the_id_is_the_twins(place: SyncPlace) -> None:
    """A sync and an async database on one place are the same to AgentOS, and to every replica."""
    with place.ours() as database:
        program = f"import agnodb; print(agnodb.Async{type(database).__qualname__}(db_url={place.url!r}).id)"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == database.id


async def test_agnos_migrations_change_nothing(place: SyncPlace) -> None:
    with place.ours() as database:
        database.create_tables()
        before = place.shape(), place.bytes_of("agno_schema_versions", "agnodb_version")
        for target in (None, "3.0.0", "2.5.6", "2.0.0"):
            await MigrationManager(database).up(target)
        assert (place.shape(), place.bytes_of("agno_schema_versions", "agnodb_version")) == before


def test_a_password_is_nowhere_to_be_seen() -> None:
    password = "s3cr3t-w0rd"
    with PostgresDb(db_url=f"postgresql://someone:{password}@127.0.0.1:1/agno", retry_timeout=0) as database:
        with pytest.raises(AgnoDbError) as failed:
            database.get_session("s")
        shown = [repr(database), str(database.to_dict()), repr(database.db_engine), str(failed.value)]
        shown += [repr(failed.value), str(vars(failed.value))]
    assert not [text for text in shown if password in text]
    assert "127.0.0.1" not in str(failed.value)
