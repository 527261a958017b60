"""What agnodb does not keep is done by agno's own adapter on the same engine: nothing of agno's contract is missing."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from agno.db.base import AsyncBaseDb, BaseDb, ComponentType
from agno.os.authz import _db as authz
from places import Place
from test_contract import OVERRIDDEN

from agnodb import AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SqliteDb, UnsupportedOperationError
from agnodb.agno.served import FAMILIES, family_of

CLASSES = (AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SqliteDb)
KEPT = OVERRIDDEN | {"upsert_sessions", "upsert_memories"}
NOWHERE = {
    "cleanup_legacy_runs_column": "agno's migration of its own 2.x tables, which `agnodb upgrade` adopts",
    "migrate_table_from_v1_to_v2": "agno's migration of its own 1.x tables",
}
MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "agno.md"

each_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)


def agnos(cls: type) -> Any:
    module = importlib.import_module("agno.db.postgres" if "Postgres" in cls.__qualname__ else "agno.db.sqlite")
    return getattr(module, cls.__qualname__)


def methods(cls: type) -> dict[str, Any]:
    """The public methods that `cls` has beyond the stubs of agno's base class."""
    base = AsyncBaseDb if issubclass(cls, AsyncBaseDb) else BaseDb
    found = inspect.getmembers(cls, inspect.isroutine)
    return {name: m for name, m in found if not name.startswith("_") and m is not getattr(base, name, None)}


@each_class
def test_every_method_that_agnos_adapter_has_is_kept_or_served(cls: type) -> None:
    assert methods(agnos(cls)).keys() - methods(cls).keys() == set(NOWHERE) & methods(agnos(cls)).keys()


@each_class
def test_every_method_of_agnos_base_belongs_to_a_family(cls: type) -> None:
    """A method that a newer agno has shows up here by its name."""
    base = AsyncBaseDb if issubclass(cls, AsyncBaseDb) else BaseDb
    names = {name for name, m in vars(base).items() if inspect.isroutine(m) and not name.startswith("_")}
    assert {name for name in names - KEPT if family_of(name) is None} == set()


@each_class
def test_a_served_method_has_the_form_of_agnos(cls: type) -> None:
    served = {name: m for name, m in methods(cls).items() if family_of(name) and name not in KEPT}
    assert len(served) > 80
    for name, method in served.items():
        theirs = getattr(agnos(cls), name)
        assert inspect.signature(method) == inspect.signature(theirs), name
        assert inspect.iscoroutinefunction(method) is inspect.iscoroutinefunction(theirs), name


def test_no_family_takes_a_method_that_is_kept() -> None:
    assert {name for name in KEPT if family_of(name)} == set()


def test_the_docs_tell_of_every_family() -> None:
    told = DOCS.read_text()
    assert [family for family in FAMILIES if not re.search(rf"^\| {family} ", told, re.MULTILINE)] == []


async def test_authorization_is_stored_where_agnos_adapter_stores_it(place: Place) -> None:
    async with place.ours() as db:
        assert authz.supports_authz(db) is True
        await asyncio.gather(*(db.assign_authz_role(f"u{n}", "reader") for n in range(8)))
        assert sorted(await db.list_authz_role_subjects("reader")) == [f"u{n}" for n in range(8)]
        for name in ("upsert_session", "create_service_account"):
            assert inspect.iscoroutinefunction(getattr(db, name))
    theirs = place.agnos()
    assert sorted(await theirs.list_authz_role_subjects("reader")) == [f"u{n}" for n in range(8)]
    await theirs.close()


async def test_the_sync_side_keeps_components(place: Place) -> None:
    with (PostgresDb if place.kind == "postgresql" else SqliteDb)(db_url=place.url) as db:
        assert authz.supports_authz(db) is True
        db.upsert_component("c", component_type=ComponentType.AGENT, name="helper")
        db.upsert_config("c", config={"id": "c", "made": MADE}, stage="published")
        assert db.get_config("c")["config"] == {"id": "c", "made": MADE.isoformat()}
        components, total = db.list_components()
        assert ([c["component_id"] for c in components], total) == (["c"], 1)
        with db.transaction() as tx, pytest.raises(UnsupportedOperationError, match="transaction"):
            tx.list_components()


async def test_the_tables_that_agnodb_keeps_stay_as_they_are(place: Place) -> None:
    async with place.ours() as db:
        await db.create_tables()
        before, stamps = place.shape(), place.bytes_of("agnodb_version")
        await db.count_authz_users()
        await db.append_transcript_entries("claude", "key", "s", [{"uuid": "e1"}, {"uuid": "e2"}], "mine")
        assert await db.get_transcript_entries("claude", "key", "s") == [{"uuid": "e1"}, {"uuid": "e2"}]
        assert set(before) < set(place.shape())
        assert place.bytes_of("agnodb_version") == stamps


async def test_the_adapter_follows_the_event_loop(place: Place) -> None:
    async with place.ours() as db:
        await db.assign_authz_role("u", "reader")
        found = [await asyncio.to_thread(asyncio.run, db.list_authz_role_subjects("reader")) for _ in range(3)]
        assert found == [["u"]] * 3
        assert await db.list_authz_role_subjects("reader") == ["u"]


async def test_in_a_transaction_it_is_refused_with_the_reason(place: Place) -> None:
    async with place.ours() as db, db.transaction() as tx:
        with pytest.raises(UnsupportedOperationError, match="transaction"):
            await tx.get_authz_user("u")
        with pytest.raises(AttributeError):
            tx.no_such_method  # noqa: B018
