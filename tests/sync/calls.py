"""The catalogue of calls, made on a sync database."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from agnodb.databases import sync_methods
from agnodb.databases.sync_methods import SyncRepository
from agnodb.testing.conformance.calls import Sample, calls
from agnodb.testing.conformance.sessions import a_session

OF_THE_OBJECT = ("create_tables", "health", "table_exists", "to_dict")
"""What a database has besides; there are also transactions, and its end."""


def public_methods(kind: type) -> dict[str, Any]:
    """The public functions of a class's own."""
    return {name: f for name, f in vars(kind).items() if inspect.isfunction(f) and not name.startswith("_")}


def repository_classes() -> list[type]:
    """A class for each concept."""
    return [k for k in vars(sync_methods).values() if inspect.isclass(k) and SyncRepository in k.__mro__[1:]]


def fill(db: Any, sample: Sample) -> None:
    """Store the sample's rows."""
    for method, given in sample.rows():
        attrgetter(method)(db)(**given)


def sync_calls(db: Any, sample: Sample) -> Iterator[tuple[str, Callable[[], Any]]]:
    """A call of every method, of the repositories' methods, and of what a database object has besides."""
    yield "create_tables", db.create_tables
    yield "health", db.health
    yield "table_exists", lambda: db.table_exists("agno_sessions")
    yield "to_dict", db.to_dict
    for call in calls(db, sample):
        yield call.name, call.run
    yield "transaction", lambda: _transaction(db, f"{sample.tag}tx")


def _transaction(db: Any, session_id: str) -> None:
    with db.transaction() as tx:
        tx.sessions.upsert(a_session(session_id))
        tx.sessions.rename(session_id, "Renamed")
