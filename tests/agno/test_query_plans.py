"""Every filter, range and sort of every list is served by an index, on both databases: EXPLAIN says so.

The statements are those of the real repositories, recorded in the place of the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from filling import SECONDS, fill, moment_of, text_of
from sqlalchemy import Executable, create_engine

from agnodb import AsyncPostgresDb, AsyncSqliteDb
from agnodb.config import DEFAULT_SCHEMA, Layout, TableNames
from agnodb.filters import LISTINGS, Page
from agnodb.models import tables_for
from agnodb.sql.dialects import PostgresDialect, SqliteDialect
from agnodb.sql.executor import Executor, Row, Shape
from agnodb.sql.metric_changes import MetricChanges
from agnodb.sql.repositories import SqlRepositories
from agnodb.sql.repository import Statements
from agnodb.testing.servers import PostgresAccess

ROWS, DISTINCT = 100_000, 1_000
FEW = 30
"""A range that few rows are in."""
SOME = text_of(7)
LIMIT = 20

Statement = tuple[Executable, Mapping[str, Any]]
List = Callable[[Any, Page], Awaitable[object]]

# What the lists call it, where that is not the name of the column.
FILTERS: dict[tuple[str, str], dict[str, Any]] = {
    **{("sessions", f"{kind}_id"): {"component_id": SOME, "session_type": kind} for kind in ("agent", "team")},
    ("sessions", "workflow_id"): {"component_id": SOME, "session_type": "workflow"},
    ("memories", "topics"): {"topics": [SOME]},
    ("knowledge", "user_id"): {"user_id": SOME},
    ("eval_runs", "eval_type"): {"eval_types": [SOME]},
}


def _traced(at_least: bool) -> dict[str, Any]:
    op, row = ("GTE", ROWS - FEW) if at_least else ("LTE", FEW)
    return {"filter_expr": {"op": op, "key": "created_at", "value": moment_of(row).isoformat()}}


RANGES: dict[tuple[str, str], tuple[dict[str, Any], ...]] = {
    ("sessions", "created_at"): ({"created_from": SECONDS + ROWS - FEW}, {"created_to": SECONDS + FEW}),
    ("traces", "start_time"): ({"start_time": moment_of(ROWS - FEW)},),
    ("traces", "end_time"): ({"end_time": moment_of(FEW)},),
    ("traces", "created_at"): (_traced(True), _traced(False)),
    ("spans", "start_time"): ({"start_time": moment_of(ROWS - FEW)}, {"end_time": moment_of(FEW)}),
    ("metrics", "date"): ({"from_day": moment_of(996 * 1440).date()}, {"to_day": moment_of(1440).date()}),
}


class Recorder:
    """An executor without a database: it keeps what it was to run, and finds nothing."""

    final = True

    def __init__(self) -> None:
        self.statements: list[Statement] = []

    async def execute(self, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        self.statements.append((shape.statement, parameters))
        return ()

    @contextlib.asynccontextmanager
    async def transaction(self) -> Any:
        yield self


class Database:
    """A database with many rows that explains what the repositories would run."""

    kind: str
    compiler: Any

    def __init__(self, dialect: Any, schema: str | None) -> None:
        self._statements = Statements(dialect, tables_for(Layout(schema)))

    def scans(self, concept: str, call: List, page: Page, *, counted: bool = True, ordered: bool = True) -> list[str]:
        """The parts of the plans that read a table from end to end.

        `counted`: also to count all rows. `ordered`: reading it in the order of an index is none of them, because
        that ends with the page.
        """
        recorder = Recorder()
        executor: Executor = recorder
        repository = getattr(SqlRepositories(executor, self._statements), concept)
        asyncio.run(_run(call(repository, page)))
        assert recorder.statements
        return [scan for statement in recorder.statements for scan in self._scans(*statement, counted, ordered)]

    def _scans(self, statement: Executable, parameters: Mapping[str, Any], counted: bool, ordered: bool) -> list[str]:
        raise NotImplementedError

    def _compiled(self, statement: Any, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        made = statement.compile(dialect=self.compiler, compile_kwargs={"render_postcompile": True})
        return str(made), made.construct_params(dict(parameters))


async def _run(call: Awaitable[object]) -> None:
    await call


class Postgres(Database):
    kind, compiler = "postgresql", create_engine("postgresql+psycopg://").dialect

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(PostgresDialect(), DEFAULT_SCHEMA)
        self._connection = connection

    def _scans(self, statement: Executable, parameters: Mapping[str, Any], counted: bool, ordered: bool) -> list[str]:
        sql, given = self._compiled(statement, parameters)
        row = self._connection.execute(f"EXPLAIN (FORMAT JSON) {sql}".encode(), given).fetchone()
        assert row is not None
        scans = [node for node in _nodes(row[0][0]["Plan"], counted) if node["Node Type"] == "Seq Scan"]
        return [json.dumps(node) for node in scans if node["Relation Name"].startswith("agno")]


def _nodes(node: dict[str, Any], counted: bool) -> Iterator[dict[str, Any]]:
    parts = node.pop("Plans", ())
    yield node
    for part in parts:
        if counted or part["Parent Relationship"] != "InitPlan":
            yield from _nodes(part, counted)


class Sqlite(Database):
    kind = "sqlite"
    compiler = create_engine("sqlite://", paramstyle="named").dialect

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(SqliteDialect(), None)
        self._connection = connection

    def _scans(self, statement: Executable, parameters: Mapping[str, Any], counted: bool, ordered: bool) -> list[str]:
        sql, given = self._compiled(statement, parameters)
        plan = [str(row[3]) for row in self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
        # The rows of a page, and the elements of a document, are no table.
        scans = [step for step in plan if step.startswith("SCAN agno_")]
        return [scan for scan in scans if not (ordered and " USING " in scan)]


@pytest.fixture(scope="module", params=["postgresql", "sqlite", "sqlite, analysed"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "postgresql":
        context = _postgres(request.getfixturevalue("postgres_server"))
    else:
        # Nobody runs ANALYZE on an agent's file: without its statistics SQLite decides by the indexes alone.
        context = _sqlite(tmp_path_factory.mktemp("plans") / "agno.db", analysed=request.param != "sqlite")
    with context as made:
        yield made


@contextlib.contextmanager
def _postgres(server: PostgresAccess) -> Iterator[Database]:
    name = f"agnodb_plans_{uuid.uuid4().hex[:12]}"
    url = server.create_database(name)
    asyncio.run(_create_tables(AsyncPostgresDb(db_url=url)))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'")  # no triggers
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'ai' AND indexdef NOT LIKE '%UNIQUE%'"
        ).fetchall()
        rows = (*fill("postgresql", ROWS, distinct=DISTINCT), *_counted("generate_series(1, {}) AS g(n)"))
        for statement in _past_indexes(rows, {f'{DEFAULT_SCHEMA}."{name}"': made for name, made in indexes}):
            connection.execute(statement.encode())
        connection.execute("VACUUM (ANALYZE)")
        yield Postgres(connection)
    server.drop_database(name)


@contextlib.contextmanager
def _sqlite(file: Path, *, analysed: bool) -> Iterator[Database]:
    asyncio.run(_create_tables(AsyncSqliteDb(db_file=str(file))))
    with contextlib.closing(sqlite3.connect(file)) as connection:
        if analysed:
            connection.execute("PRAGMA synchronous = OFF")
            for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f'DROP TRIGGER "{trigger}"')
            indexes = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT LIKE '%UNIQUE%'"
            ).fetchall()
            series = "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {}) SELECT n FROM s)"
            rows = (*fill("sqlite", ROWS, distinct=DISTINCT), *_counted(series))
            for statement in _past_indexes(rows, {f'"{name}"': made for name, made in indexes}):
                connection.execute(statement)
            connection.execute("ANALYZE")
        yield Sqlite(connection)


def _past_indexes(rows: Iterable[str], indexes: Mapping[str, str]) -> Iterator[str]:
    """The statements `rows`, with the indexes (how each is made) built after them: in a fraction of the time."""
    yield from (f"DROP INDEX {name}" for name in indexes)
    yield from rows
    yield from indexes.values()


def _counted(series: str) -> Iterator[str]:
    """Statements that insert what runs were counted for, and the sums."""
    own, schema = TableNames().own(), f"{DEFAULT_SCHEMA}." if series.startswith("generate") else ""
    for concept, text, key in (("metric_counts", "counted", "'run ' || n"), ("metric_totals", "totals", "n || ' u'")):
        rows = f"SELECT {key}, n, '' FROM {series.format(ROWS)}"
        yield f"INSERT INTO {schema}{own[concept]} (row_key, day, {text}) {rows}"


async def _create_tables(database: Any) -> None:
    async with database:
        await database.create_tables()


def _listed(given: dict[str, Any]) -> List:
    return lambda repository, page: repository.page(page, **given)


def _equal(concept: str, name: str) -> List:
    given = FILTERS.get((concept, name))
    if given is not None:
        return _listed(given)
    value = False if name == "enabled" else SOME
    return lambda repository, page: repository.paged(page, {name: value})


@pytest.mark.parametrize(
    ("concept", "name"),
    [(concept, name) for concept, listing in LISTINGS.items() for name in listing.filters],
)
def test_a_filter_is_served_by_an_index(database: Database, concept: str, name: str) -> None:
    if database.kind == "sqlite" and name == "topics":
        pytest.skip("SQLite has no index over the elements of a document")
    # Of two values the planner may rather read the rows in order: that ends soon.
    ordered = name == "enabled"
    assert not database.scans(concept, _equal(concept, name), Page(limit=LIMIT), ordered=ordered)


@pytest.mark.parametrize(
    ("concept", "name"),
    [(concept, name) for concept, listing in LISTINGS.items() for name in listing.ranges],
)
def test_a_range_is_served_by_an_index(database: Database, concept: str, name: str) -> None:
    for given in RANGES[concept, name]:
        assert not database.scans(concept, _listed(given), Page(limit=LIMIT))


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("concept", "sort"),
    [(concept, sort) for concept, listing in LISTINGS.items() for sort in listing.sorts],
)
def test_a_sort_is_served_by_an_index(database: Database, concept: str, sort: str, order: str) -> None:
    # The number of all rows is the number of entries of an index, or of rows: no index can give it at once.
    page = Page(limit=LIMIT, sort_by=sort, sort_order=order)
    # A run's index is its place in a session: across sessions it orders nothing.
    filters = {"session_id": SOME} if sort == "run_index" else {}
    assert not database.scans(concept, lambda repository, page: repository.paged(page, filters), page, counted=False)


@pytest.mark.parametrize("limit", [LIMIT, None])
@pytest.mark.parametrize(
    ("concept", "filters"), [("learnings", {}), ("learnings", {"user_id": SOME}), ("memories", {})]
)
def test_a_search_is_served_by_an_index(
    database: Database, concept: str, filters: dict[str, str], limit: int | None
) -> None:
    def search(repository: Any, page: Page) -> Awaitable[object]:
        if concept == "learnings":
            found: Awaitable[object] = repository.search("zebra crossing", limit, **filters)
            return found
        listed: Awaitable[object] = repository.page(page, search="zebra crossing")
        return listed

    # Of a text that many rows have the first ones are found by reading rows in their order.
    assert not database.scans(concept, search, Page(limit=limit), ordered=limit is not None)


def test_what_a_refresh_of_the_metrics_reads_is_found_by_an_index(database: Database) -> None:
    keys = ["run 7", f"session {SOME}"]
    assert not database.scans("metrics", lambda repository, _: MetricChanges(repository).look(keys), Page())
    assert not database.scans("metrics", lambda repository, _: MetricChanges(repository).totals(["7 u"]), Page())
