"""agno's base class, walked: what is overridden has agno's very form, what is not is agno's very function."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest
from agents import helper
from agno.db.base import AsyncBaseDb
from agno.db.migrations.manager import MigrationManager
from places import TABLES, Place

from agnodb import AsyncPostgresDb, AsyncSqliteDb
from agnodb.agno.served import family_of
from agnodb.config import TableNames
from agnodb.errors import AgnoDbError

OURS = (AsyncPostgresDb, AsyncSqliteDb)

KEPT = {
    "schema": {"table_exists", "get_latest_schema_version", "upsert_schema_version"},
    "sessions": {
        "reassign_session_owner", "delete_session", "delete_sessions", "get_session", "get_sessions",
        "rename_session", "upsert_session",
    },
    "runs": {"get_run", "cancel_pending_run", "get_runs", "upsert_run", "delete_run", "delete_runs"},
    "memories": {
        "clear_memories", "delete_user_memory", "delete_user_memories", "get_all_memory_topics", "get_user_memory",
        "get_user_memories", "get_user_memory_stats", "upsert_user_memory",
    },
    "metrics": {"get_metrics", "calculate_metrics"},
    "knowledge": {
        "delete_knowledge_content", "get_knowledge_content", "get_knowledge_contents", "upsert_knowledge_content",
    },
    "evals": {
        "create_eval_run", "delete_eval_runs", "get_eval_run", "get_eval_runs", "rename_eval_run",
        "update_eval_run_user_id",
    },
    "traces": {"upsert_trace", "get_trace", "get_traces", "get_trace_stats"},
    "spans": {"create_span", "create_spans", "get_span", "get_spans", "get_span_stats"},
    "learnings": {
        "get_learning", "upsert_learning", "delete_learning", "update_learning", "delete_user_learnings",
        "get_learnings", "search_learnings", "get_learning_by_id", "list_learnings", "get_learnings_user_stats",
    },
    "schedules": {
        "get_schedule", "get_schedule_by_name", "get_schedules", "create_schedule", "update_schedule",
        "delete_schedule", "disable_schedules_for_target", "stamp_schedule_provenance", "claim_due_schedule",
        "release_schedule",
    },
    "schedule runs": {
        "delete_schedule_runs", "create_schedule_run", "update_schedule_run", "get_schedule_run",
        "get_latest_schedule_runs", "get_schedule_runs",
    },
    "approvals": {
        "create_approval", "get_approval", "get_approvals", "update_approval", "delete_approval",
        "get_pending_approval_count", "update_approval_run_status",
    },
}  # fmt: skip
LIFE = {"__init__", "to_dict", "from_dict", "_create_all_tables", "close"}
OVERRIDDEN = set().union(*KEPT.values()) | LIFE
FUNCTIONS = {name: f for name, f in vars(AsyncBaseDb).items() if inspect.isroutine(f)}

each_class = pytest.mark.parametrize("cls", OURS, ids=["postgresql", "sqlite"])


# An argument of agno's SQLite adapter alone, which nothing in agno passes.
NEVER_PASSED = {"workflow_id"}
# agno's PostgreSQL sandbox accepts its own classes only.
NOT_READ = {"sandbox_table_name"}


def table_name_attributes(database: Any) -> list[str]:
    return [name for name in vars(database) if name.endswith("_table_name") and name not in NOT_READ]


def agnos(cls: type) -> Any:
    """agno's adapter of the same name."""
    module = importlib.import_module("agno.db.postgres" if cls is AsyncPostgresDb else "agno.db.sqlite")
    return getattr(module, cls.__qualname__)


def unwrapped(function: Any) -> Any:
    return getattr(function, "__func__", function)


@each_class
def test_it_is_a_true_subclass_that_can_be_constructed(cls: type) -> None:
    assert AsyncBaseDb in cls.__mro__
    assert not cls.__abstractmethods__  # type: ignore[attr-defined]


def test_the_families_above_exist_in_agno() -> None:
    assert set(FUNCTIONS) >= OVERRIDDEN


@each_class
def test_a_method_is_overridden_exactly_where_we_keep_its_table(cls: type) -> None:
    changed = {
        name
        for name, function in FUNCTIONS.items()
        if unwrapped(inspect.getattr_static(cls, name)) is not unwrapped(function)
    }
    assert {name for name in changed - OVERRIDDEN if not family_of(name)} == set(), "agno takes it for supported"
    assert OVERRIDDEN - changed == set(), "still agno's stub"


@each_class
def test_an_overridden_method_has_the_form_of_agnos(cls: type) -> None:
    for name in sorted(OVERRIDDEN - {"__init__"}):
        ours, theirs = getattr(cls, name), getattr(AsyncBaseDb, name)
        assert inspect.iscoroutinefunction(ours) is inspect.iscoroutinefunction(theirs), name
        mine, wanted = (list(inspect.signature(f).parameters.values()) for f in (ours, theirs))
        first = [(p.name, p.kind, p.default) for p in mine][: len(wanted)]
        assert first == [(p.name, p.kind, p.default) for p in wanted], name
        extra = [p for p in mine[len(wanted) :] if p.kind is not p.VAR_KEYWORD]
        assert all(p.default is not p.empty for p in extra), f"what {name} has alone must be optional"


@each_class
def test_an_overridden_method_takes_what_agnos_adapter_takes(cls: type) -> None:
    """agno passes some arguments that only its adapters have."""
    for name in sorted(OVERRIDDEN - {"__init__"}):
        theirs = inspect.signature(getattr(agnos(cls), name)).parameters
        ours = inspect.signature(getattr(cls, name)).parameters
        if all(p.kind is not p.VAR_KEYWORD for p in ours.values()):
            assert set(theirs) - {"kwargs"} - set(ours) - NEVER_PASSED == set(), name


@each_class
def test_the_constructor_takes_agnos_arguments_at_agnos_places(cls: type) -> None:
    theirs = inspect.signature(agnos(cls).__init__).parameters
    ours = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    mine, wanted = ([(p.name, p.kind, p.default) for p in f.values()] for f in (ours, theirs))
    assert mine[: len(wanted)] == wanted
    assert all(p.default is not p.empty for p in list(ours.values())[len(wanted) :])


@each_class
def test_the_probed_methods_are_there(cls: type) -> None:
    for name in ("update_run_in_session", "append_run_to_session_if_absent", "insert_session_if_absent"):
        assert inspect.iscoroutinefunction(getattr(cls, name))
    claim = inspect.signature(cls.release_schedule).parameters  # type: ignore[attr-defined]
    assert list(claim) == list(inspect.signature(AsyncBaseDb.release_schedule).parameters)


def test_agno_finds_the_attributes_it_reads(place: Place) -> None:
    database = place.ours()
    theirs = place.agnos()
    names = table_name_attributes(theirs)
    assert len(names) >= 20
    assert {n: getattr(database, n) for n in names} == {n: getattr(theirs, n) for n in names}
    assert database.db_url == place.url
    assert database.create_schema is True
    assert "agno_sessions" in {table.name for table in database.metadata.tables.values()}
    assert callable(database.async_session_factory)
    assert database.db_engine.dialect.name == place.kind
    if place.kind == "postgresql":
        assert database.db_schema == "ai"
    else:
        assert database.db_file is None
        assert AsyncSqliteDb(db_file="x.db").db_file.endswith("x.db")


def test_chosen_table_names_are_where_agno_looks(place: Place) -> None:
    chosen = {argument: f"my_{argument}" for argument in TableNames.arguments()}
    ours, theirs = place.ours(**chosen), place.agnos(**chosen)
    names = table_name_attributes(theirs)
    assert {n: getattr(ours, n) for n in names} == {n: getattr(theirs, n) for n in names}
    followed = place.ours(session_table="chats")
    assert followed.runs_table_name == place.agnos(session_table="chats").runs_table_name == "chats_runs"


def test_tables_that_agnodb_does_not_keep_have_the_chosen_names_too(place: Place) -> None:
    chosen = {"components_table": "c", "auth_tokens_table": "t", "service_accounts_table": "s", "tasks_table": "k"}
    ours, theirs = place.ours(**chosen), place.agnos(**chosen)
    names = table_name_attributes(theirs)
    assert {n: getattr(ours, n) for n in names} == {n: getattr(theirs, n) for n in names}


def test_the_id_is_the_same_in_every_process(place: Place) -> None:
    program = (
        f"from agnodb import AsyncPostgresDb, AsyncSqliteDb\n"
        f"print({type(place.ours()).__qualname__}(db_url={place.url!r}).id)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == place.ours().id
    assert place.ours(session_table="others").id != place.ours().id
    assert place.ours(id="mine").id == "mine"


async def test_agnos_migrations_change_nothing(place: Place) -> None:
    async with place.ours() as database:
        await database.create_tables()
        before = place.shape(), place.bytes_of("agno_schema_versions", "agnodb_version")
        await MigrationManager(database).up()
        await MigrationManager(database).up("3.0.0")
        for target in ("2.0.0", "2.5.6"):
            await MigrationManager(database).up(target)
        assert (place.shape(), place.bytes_of("agno_schema_versions", "agnodb_version")) == before


@pytest.mark.parametrize("target", ["3.0.0", "2.5.6", "2.0.0"])
async def test_agnos_downgrades_change_nothing(place: Place, target: str) -> None:
    """Going down to 2.x, agno moves the runs into the sessions and drops their table: it may refuse, but not that."""
    async with place.ours() as database:
        await helper(database).arun("hello", session_id="s", user_id="alice")
        tables = ("agno_schema_versions", "agnodb_version", "agno_sessions", "agno_runs")
        before = place.shape(), place.bytes_of(*tables)
        with contextlib.suppress(Exception):
            await MigrationManager(database).down(target)
        after = place.shape(), place.bytes_of(*(tables if place.shape() == before[0] else ()))
        assert after == before


async def test_every_table_that_agno_may_migrate_is_stamped(place: Place) -> None:
    async with place.ours() as database:
        await database.create_tables()
        stamped = {row["table_name"]: row["version"] for row in place.rows("agno_schema_versions")}
    assert set(TABLES) - {"agno_schema_versions"} <= set(stamped)
    assert set(stamped.values()) == {"3.0.0"}


PASSWORD = "s3cr3t-w0rd"


async def test_a_password_is_nowhere_to_be_seen() -> None:
    database = AsyncPostgresDb(db_url=f"postgresql://someone:{PASSWORD}@127.0.0.1:1/agno", retry_timeout=0)
    with pytest.raises(AgnoDbError) as failed:
        await database.get_session("s")
    shown = [repr(database), str(database), str(database.to_dict()), repr(database.db_engine), str(failed.value)]
    shown += [repr(failed.value), str(failed.value.detail), str(failed.value.facts)]
    assert not [text for text in shown if PASSWORD in text]
    assert "127.0.0.1" not in str(failed.value)
    await database.close()
