"""Each table of the database, as a person wants to see it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from agnodb.config import TableNames
from agnodb.demo.stage import Database
from agnodb.filters import Page

Row = Mapping[str, Any]
Found = tuple[Sequence[Row], int]
SECONDS = "%Y-%m-%d %H:%M:%S"
ROWS = 6
"""How many rows of a table are shown, the newest first."""
MOST = 500
"""So many are looked through for those that are shown."""


@dataclass(frozen=True, slots=True)
class View:
    """How one table is shown: what it holds, its columns, and what reads its newest rows and their number."""

    holds: str
    columns: Mapping[str, Callable[[Row], Any]]
    read: Callable[[Database], Awaitable[Found]]


async def show_tables(db: Database, console: Console) -> dict[str, int]:
    """Print every table; the number of rows of each, by its default name."""
    counts, names = {}, TableNames().as_dict()
    for concept, view in VIEWS.items():
        rows, counts[names[concept]] = await view.read(db)
        console.print(_drawn(names[concept], view, rows, counts[names[concept]]))
    return counts


# -- rows -------------------------------------------------------------------------------------------------


def newest(concept: str, by: str = "created_at") -> Callable[[Database], Awaitable[Found]]:
    """The newest rows of a table, by that column."""

    async def read(db: Database) -> Found:
        records, total = await getattr(db, concept).page(Page(ROWS, 1, by, "desc"))
        return [record.to_dict() for record in records], total

    return read


async def sessions(db: Database) -> Found:
    """With the number of their runs."""
    rows, total = await newest("sessions", "updated_at")(db)
    counted = [{**row, "runs": (await db.runs.page(Page(0), session_id=row["session_id"]))[1]} for row in rows]
    return counted, total


async def traces(db: Database) -> Found:
    """Those of runs; all are counted."""
    found, total = await db.traces.page(Page(MOST, 1, "start_time", "desc"))
    return [trace.to_dict() for trace in found if trace.run_id is not None][:ROWS], total


async def spans(db: Database) -> Found:
    """Those of the traces of runs; all are counted."""
    of_runs = {trace["trace_id"] for trace in (await traces(db))[0]}
    found, total = await db.spans.page(Page(MOST, 1, "start_time", "desc"))
    return [span.to_dict() for span in found if span.trace_id in of_runs][:ROWS], total


async def schedule_runs(db: Database) -> Found:
    """Those of all schedules."""
    schedules, _ = await db.schedules.page(Page(MOST))
    found = [await db.schedule_runs.page(Page(ROWS), schedule_id=schedule.id) for schedule in schedules]
    rows = [run.to_dict() for runs, _ in found for run in runs]
    return sorted(rows, key=lambda row: row["created_at"], reverse=True)[:ROWS], sum(total for _, total in found)


async def versions(db: Database) -> Found:
    """The shape of each table."""
    names = sorted(TableNames().as_dict().values())
    rows = [{"table_name": name, "version": await db.schema_versions.get(name)} for name in names]
    known = [row for row in rows if row["version"] is not None]
    return known[:ROWS], len(known)


def _drawn(table: str, view: View, rows: Sequence[Row], total: int) -> Group:
    more = f", the newest {len(rows)}" if total > len(rows) else ""
    title = f"[bold cyan]{table}[/]  {view.holds}  [dim]{total} {'row' if total == 1 else 'rows'}{more}[/]"
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
    "sessions": View(
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
        sessions,
    ),
    "runs": View(
        "one question and its answer each",
        {
            "session": plain("session_id"),
            "#": plain("run_index"),
            "status": plain("status"),
            "asked": inside("run_data", "input", "input_content"),
            "answered": inside("run_data", "content"),
            "tokens": inside("run_data", "metrics", "total_tokens"),
        },
        newest("runs"),
    ),
    "memories": View(
        "what agents remember of users",
        {
            "user": plain("user_id"),
            "memory": plain("memory"),
            "topics": plain("topics"),
            "from": plain("input"),
            "agent": owner,
            "at (UTC)": moment("created_at"),
        },
        newest("memories"),
    ),
    "knowledge": View(
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
        newest("knowledge"),
    ),
    "approvals": View(
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
        newest("approvals"),
    ),
    "schedules": View(
        "what runs by itself",
        {
            "name": plain("name"),
            "owner": plain("user_id"),
            "cron": lambda row: row["cron_expr"] or "on demand",
            "calls": lambda row: f"{row['method']} {row['endpoint']}",
            "enabled": plain("enabled"),
            "next (UTC)": moment("next_run_at"),
        },
        newest("schedules"),
    ),
    "schedule_runs": View(
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
        schedule_runs,
    ),
    "learnings": View(
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
        newest("learnings", "updated_at"),
    ),
    "eval_runs": View(
        "the results of evaluations",
        {
            "name": plain("name"),
            "type": plain("eval_type"),
            "of": owner,
            "result": lambda row: inside("eval_data", "avg_score")(row) or inside("eval_data", "eval_status")(row),
            "model": plain("model_id"),
            "at (UTC)": moment("created_at"),
        },
        newest("eval_runs"),
    ),
    "metrics": View(
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
        newest("metrics", "date"),
    ),
    "traces": View(
        "one traced request each; here those of agents",
        {
            "name": plain("name"),
            "session": plain("session_id"),
            "user": plain("user_id"),
            "status": plain("status"),
            "ms": plain("duration_ms"),
            "start (UTC)": moment("start_time"),
        },
        traces,
    ),
    "spans": View(
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
        spans,
    ),
    "schema_versions": View(
        "which agno's shape each table has",
        {"table": plain("table_name"), "version": plain("version")},
        versions,
    ),
}
