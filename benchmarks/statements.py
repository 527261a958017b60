"""The floor's statements, written by hand, and those that fill and read back the tables of every side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchmarks.data import JSON_COLUMNS, MEMORY_COLUMNS, RUN_COLUMNS, SESSION_COLUMNS


@dataclass(frozen=True)
class Spelling:
    """How a driver has its values named, and how JSON goes in and comes out as text. `n` counts from one."""

    bind: str
    json: str
    column: str
    among: str
    excluded: str = "excluded.{c}"
    conflict: str = "ON CONFLICT ({key}) DO UPDATE SET {changed}"


ASYNCPG = Spelling("${n}", "${n}::text::jsonb", "{c}::text AS {c}", "= ANY(${n}::text[])")
PSYCOPG = Spelling("%s", "%s::text::jsonb", "{c}::text AS {c}", "= ANY(%s)")
SQLITE = Spelling("?", "?", "{c}", "IN (SELECT value FROM json_each(?))")
MYSQL = Spelling("%s", "%s", "{c}", "IN %s", "VALUES({c})", "ON DUPLICATE KEY UPDATE {changed}")


def insert(table: str, columns: tuple[str, ...], spelling: Spelling = ASYNCPG) -> str:
    """INSERT of one row, its JSON given as text."""
    values = ((spelling.json if c in JSON_COLUMNS else spelling.bind).format(n=n) for n, c in enumerate(columns, 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(values)})"


def upsert(table: str, columns: tuple[str, ...], kept: tuple[str, ...], spelling: Spelling = ASYNCPG) -> str:
    """An upsert by the first column that leaves the columns `kept` of a stored row as they are."""
    key = columns[0]
    changed = ", ".join(f"{c} = {spelling.excluded.format(c=c)}" for c in columns if c != key and c not in kept)
    return f"{insert(table, columns, spelling)} {spelling.conflict.format(key=key, changed=changed)}"


def as_text(columns: tuple[str, ...], spelling: Spelling = ASYNCPG) -> str:
    return ", ".join(spelling.column.format(c=c) if c in JSON_COLUMNS else c for c in columns)


class Floor:
    """The least that the calls must ask of the database. `prefix` goes before a table's name: a schema and a dot."""

    def __init__(self, prefix: str, spelling: Spelling = ASYNCPG) -> None:
        sessions, runs, memories = (f"{prefix}agno_{table}" for table in ("sessions", "runs", "memories"))
        one, two = spelling.bind.format(n=1), spelling.bind.format(n=2)
        document = spelling.column.format(c="run_data")
        answers = spelling is not MYSQL
        # The adapters give back what is stored, so it is read here too.
        self.upsert_session = self._saved(sessions, SESSION_COLUMNS, ("created_at", "session_type"), spelling, answers)
        self.upsert_run = upsert(runs, RUN_COLUMNS, ("created_at", "run_index", "session_id", "run_type"), spelling)
        self.upsert_memory = self._saved(memories, MEMORY_COLUMNS, ("created_at",), spelling, answers)
        self.session = f"SELECT {as_text(SESSION_COLUMNS, spelling)} FROM {sessions} WHERE session_id = {one}"
        self.memory = f"SELECT {as_text(MEMORY_COLUMNS, spelling)} FROM {memories} WHERE memory_id = {one}"
        self.runs = f"SELECT session_id, {document} FROM {runs} WHERE session_id = {one} ORDER BY run_index"
        self.last_run = f"SELECT {document} FROM {runs} WHERE session_id = {one} ORDER BY run_index DESC LIMIT 1"
        self.sessions = (
            f"SELECT {as_text(SESSION_COLUMNS, spelling)}, (SELECT count(*) FROM {sessions}) FROM {sessions}"
            f" ORDER BY created_at DESC, session_id DESC LIMIT {one} OFFSET {two}"
        )
        among = spelling.among.format(n=1)
        self.runs_of = f"SELECT session_id, {document} FROM {runs} WHERE session_id {among} ORDER BY run_index"

    @staticmethod
    def _saved(table: str, columns: tuple[str, ...], kept: tuple[str, ...], spelling: Spelling, answers: bool) -> str:
        """An upsert that changes nobody else's row, and gives back the stored one where the database can."""
        if not answers:
            return upsert(table, columns, (*kept, "user_id"), spelling)
        saved = upsert(f"{table} AS t", columns, (*kept, "user_id"), spelling)
        owner = "t.user_id IS NULL OR t.user_id = excluded.user_id"
        return f"{saved} WHERE {owner} RETURNING {as_text(columns, spelling)}"


def run_of(document: str) -> tuple[str, str]:
    """The id and the content of a run's JSON text."""
    run: dict[str, Any] = json.loads(document)
    return run["run_id"], run["content"]


def listed(values: list[str]) -> str:
    """A list as one JSON text, for SQLite's json_each()."""
    return json.dumps(values)
