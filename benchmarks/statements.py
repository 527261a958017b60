"""The floor's statements, written by hand, and those that fill and read back the tables of every side."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.data import JSON_COLUMNS, MEMORY_COLUMNS, RUN_COLUMNS, SESSION_COLUMNS


def insert(table: str, columns: tuple[str, ...]) -> str:
    """INSERT of one row, its JSON given as text."""
    values = (f"${n}::text::jsonb" if c in JSON_COLUMNS else f"${n}" for n, c in enumerate(columns, 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(values)})"


def upsert(table: str, columns: tuple[str, ...], kept: tuple[str, ...]) -> str:
    """An upsert by the first column that leaves the columns `kept` of a stored row as they are."""
    key = columns[0]
    changed = ", ".join(f"{c} = excluded.{c}" for c in columns if c != key and c not in kept)
    return f"{insert(table, columns)} ON CONFLICT ({key}) DO UPDATE SET {changed}"


def as_text(columns: tuple[str, ...]) -> str:
    return ", ".join(f"{c}::text AS {c}" if c in JSON_COLUMNS else c for c in columns)


class Floor:
    """The least that the calls must ask of the database."""

    def __init__(self, schema: str) -> None:
        sessions, runs, memories = (f"{schema}.agno_{table}" for table in ("sessions", "runs", "memories"))
        owner = "t.user_id IS NULL OR t.user_id = excluded.user_id"
        saved = upsert(f"{sessions} AS t", SESSION_COLUMNS, ("created_at", "session_type", "user_id"))
        # The adapters give back what is stored, so it is read here too.
        self.upsert_session = f"{saved} WHERE {owner} RETURNING {as_text(SESSION_COLUMNS)}"
        self.upsert_run = upsert(runs, RUN_COLUMNS, ("created_at", "run_index", "session_id", "run_type"))
        saved = upsert(f"{memories} AS t", MEMORY_COLUMNS, ("created_at", "user_id"))
        self.upsert_memory = f"{saved} WHERE {owner} RETURNING {as_text(MEMORY_COLUMNS)}"
        self.session = f"SELECT {as_text(SESSION_COLUMNS)} FROM {sessions} WHERE session_id = $1"
        self.runs = f"SELECT session_id, run_data::text FROM {runs} WHERE session_id = $1 ORDER BY run_index"
        self.last_run = f"SELECT run_data::text FROM {runs} WHERE session_id = $1 ORDER BY run_index DESC LIMIT 1"
        self.sessions = (
            f"SELECT {as_text(SESSION_COLUMNS)}, (SELECT count(*) FROM {sessions}) FROM {sessions}"
            " ORDER BY created_at DESC, session_id DESC LIMIT $1 OFFSET $2"
        )
        self.runs_of = (
            f"SELECT session_id, run_data::text FROM {runs} WHERE session_id = ANY($1::text[]) ORDER BY run_index"
        )


def run_of(document: str) -> tuple[str, str]:
    """The id and the content of a run's JSON text."""
    run: dict[str, Any] = json.loads(document)
    return run["run_id"], run["content"]
