"""Each table of the database, as a person wants to see it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy import Table as SqlTable

from agnodb.demo.stage import Database

Row = Mapping[str, Any]
Tables = Mapping[str, SqlTable]
SECONDS = "%Y-%m-%d %H:%M:%S"
ROWS = 6
"""How many rows of a table are shown, the newest first."""


@dataclass(frozen=True, slots=True)
class View:
    """How one table is shown: what it holds, its columns, and by which of them the newest row is the first."""

    holds: str
    columns: Mapping[str, Callable[[Row], Any]]
    newest: str = "created_at"
    also: Callable[[Tables], ColumnElement[Any]] | None = None
    """One more column, computed by the database."""
    only: Callable[[Tables], ColumnElement[bool]] | None = None
    """Which rows are shown; all are counted."""

    def rows(self, table: SqlTable, tables: Tables) -> Select[Any]:
        """The statement that reads what is shown."""
        statement = select(table, *([self.also(tables)] if self.also else []))
        if self.only:
            statement = statement.where(self.only(tables))
        return statement.order_by(table.c[self.newest].desc()).limit(ROWS)


async def show_tables(db: Database, console: Console) -> dict[str, int]:
    """Print every table; the number of rows of each, by its default name."""
    counts = {}
    tables = {table.name: table for table in db.metadata.tables.values()}
    async with db.db_engine.connect() as connection:
        for name, view in VIEWS.items():
            counts[name] = await connection.scalar(select(func.count()).select_from(tables[name])) or 0
            found = await connection.execute(view.rows(tables[name], tables))
            rows = [dict(row) for row in found.mappings()]
            console.print(_drawn(tables[name], view, rows, counts[name]))
    return counts


def _drawn(table: SqlTable, view: View, rows: Sequence[Row], total: int) -> Group:
    more = f", the newest {len(rows)}" if total > len(rows) else ""
    title = f"[bold cyan]{table.name}[/]  {view.holds}  [dim]{total} {'row' if total == 1 else 'rows'}{more}[/]"
    drawn = Table(
        box=SIMPLE_HEAD,
        header_style="dim",
        pad_edge=False,
    )
    for heading in view.columns:
        drawn.add_column(heading, overflow="ellipsis", no_wrap=True, max_width=46)
    for row in rows:
        drawn.add_row(*(Text(_shown(column(row))) for column in view.columns.values()))
    return Group("", title, drawn)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str) if value else "-"
    return " ".join(str(value).split())


# -- columns ----------------------------------------------------------------------------------------------


def plain(name: str) -> Callable[[Row], Any]:
    """The column as it is."""
    return lambda row: row[name]


def short(name: str) -> Callable[[Row], Any]:
    """The first characters of an id."""
    return lambda row: row[name] and str(row[name])[:8]


def moment(name: str) -> Callable[[Row], Any]:
    """A time, from epoch seconds or ISO 8601 text."""

    def shown(row: Row) -> str | None:
        value = row[name]
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.datetime.fromisoformat(value).strftime(f"{SECONDS}.%f")[:-3]
        return datetime.datetime.fromtimestamp(value, datetime.UTC).strftime(SECONDS)

    return shown


def inside(name: str, *path: str) -> Callable[[Row], Any]:
    """What a JSON column holds at `path`."""

    def found(row: Row) -> Any:
        value = row[name]
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    return found


def owner(row: Row) -> Any:
    """The agent, team or workflow that a row belongs to."""
    return row["agent_id"] or row["team_id"] or row["workflow_id"]


VIEWS: dict[str, View] = {
    "agno_sessions": View(
        "one conversation each",
        {
            "session": plain("session_id"),
            "user": plain("user_id"),
            "agent": owner,
            "state": inside("session_data", "session_state"),
            "summary": inside("summary", "summary"),
            "runs": plain("runs"),
            "last change (UTC)": moment("updated_at"),
        },
        newest="updated_at",
        also=lambda tables: (
            select(func.count())
            .where(tables["agno_runs"].c.session_id == tables["agno_sessions"].c.session_id)
            .scalar_subquery()
            .label("runs")
        ),
    ),
    "agno_runs": View(
        "one question and its answer each",
        {
            "session": plain("session_id"),
            "#": plain("run_index"),
            "status": plain("status"),
            "asked": inside("run_data", "input", "input_content"),
            "answered": inside("run_data", "content"),
            "tokens": inside("run_data", "metrics", "total_tokens"),
        },
    ),
    "agno_memories": View(
        "what agents remember of users",
        {
            "user": plain("user_id"),
            "memory": plain("memory"),
            "topics": plain("topics"),
            "from": plain("input"),
            "agent": owner,
            "at (UTC)": moment("created_at"),
        },
    ),
    "agno_knowledge": View(
        "the contents of knowledge bases",
        {
            "name": plain("name"),
            "in": plain("linked_to"),
            "owner": plain("user_id"),
            "status": plain("status"),
            "size": plain("size"),
            "metadata": plain("metadata"),
            "added (UTC)": moment("created_at"),
        },
    ),
    "agno_approvals": View(
        "decisions that runs wait for, or got",
        {
            "tool": plain("tool_name"),
            "arguments": plain("tool_args"),
            "asked by": plain("user_id"),
            "status": plain("status"),
            "by": plain("resolved_by"),
            "at (UTC)": moment("resolved_at"),
            "run": plain("run_status"),
        },
    ),
    "agno_schedules": View(
        "what runs by itself",
        {
            "name": plain("name"),
            "owner": plain("user_id"),
            "cron": lambda row: row["cron_expr"] or "on demand",
            "calls": lambda row: f"{row['method']} {row['endpoint']}",
            "enabled": plain("enabled"),
            "next (UTC)": moment("next_run_at"),
        },
    ),
    "agno_schedule_runs": View(
        "when it ran",
        {
            "schedule": short("schedule_id"),
            "attempt": plain("attempt"),
            "status": plain("status"),
            "HTTP": plain("status_code"),
            "run": short("run_id"),
            "output": inside("output", "content"),
            "at (UTC)": moment("triggered_at"),
        },
    ),
    "agno_learnings": View(
        "what agents learned",
        {
            "type": plain("learning_type"),
            "user": plain("user_id"),
            "agent": owner,
            "content": lambda row: {
                key: value for key, value in (row["content"] or {}).items() if value and key != "user_id"
            },
            "at (UTC)": moment("updated_at"),
        },
    ),
    "agno_eval_runs": View(
        "the results of evaluations",
        {
            "name": plain("name"),
            "type": plain("eval_type"),
            "of": owner,
            "result": lambda row: inside("eval_data", "avg_score")(row) or inside("eval_data", "eval_status")(row),
            "model": plain("model_id"),
            "at (UTC)": moment("created_at"),
        },
    ),
    "agno_metrics": View(
        "each user's day in numbers",
        {
            "day": plain("date"),
            "user": lambda row: row["user_id"] or "nobody's",
            "runs": plain("agent_runs_count"),
            "sessions": plain("agent_sessions_count"),
            "users": plain("users_count"),
            "tokens": inside("token_metrics", "total_tokens"),
            "complete": plain("completed"),
        },
        newest="date",
    ),
    "agno_traces": View(
        "one traced request each; here those of agents",
        {
            "name": plain("name"),
            "session": plain("session_id"),
            "user": plain("user_id"),
            "status": plain("status"),
            "ms": plain("duration_ms"),
            "start (UTC)": moment("start_time"),
        },
        newest="start_time",
        only=lambda tables: tables["agno_traces"].c.run_id.is_not(None),
    ),
    "agno_spans": View(
        "what happened inside",
        {
            "trace": short("trace_id"),
            "parent": short("parent_span_id"),
            "name": plain("name"),
            "kind": inside("attributes", "openinference.span.kind"),
            "status": plain("status_code"),
            "ms": plain("duration_ms"),
            "start (UTC)": moment("start_time"),
        },
        newest="start_time",
        only=lambda tables: tables["agno_spans"].c.trace_id.in_(
            select(tables["agno_traces"].c.trace_id).where(tables["agno_traces"].c.run_id.is_not(None))
        ),
    ),
    "agno_schema_versions": View(
        "which agno's shape each table has",
        {"table": plain("table_name"), "version": plain("version"), "since (UTC)": moment("created_at")},
        newest="table_name",
    ),
}
