"""Which tables of which schema a database object works on, and where its settings come from.

agno lets an application choose every table's name, and several sets of names may live in one schema. A `Layout`
is one such choice; it is the same value in the constructor, on the command line (`-x session_table=...`) and in
the environment (`AGNODB_SESSION_TABLE`), so a pipeline makes exactly the tables that the server will ask for.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from agnodb.errors import ConfigurationError

DEFAULT_SCHEMA = "ai"
"""The PostgreSQL schema that agno uses when none is named. SQLite has none."""

MAX_IDENTIFIER_BYTES = 63
"""PostgreSQL cuts longer names silently (https://www.postgresql.org/docs/current/limits.html)."""


TRIGGER_EVENTS = ("insert", "update", "delete")

_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def _named(argument: str, default: str) -> str:
    return field(default=default, metadata={"argument": argument})


GRAM_BYTES_FROM = 48
"""On PostgreSQL a gram has bytes from this one on: no space and hardly a mark, which every text has."""

NO_GRAM = -1
"""On PostgreSQL, the gram of a text that is too long to be taken apart."""


@dataclass(frozen=True, slots=True)
class GramNames:
    """What serves searches in one table is called: on PostgreSQL `index`, over the function `grams`; on SQLite the
    tables `keys` and `grams`, and the `triggers` that fill them, for inserts, updates and deletes."""

    index: str
    grams: str
    keys: str
    triggers: tuple[str, ...]

    @classmethod
    def of(cls, table: str) -> GramNames:
        """The names for the searches in `table`."""
        triggers = tuple(object_name(f"agnodb_grams_{event}_{table}") for event in TRIGGER_EVENTS)
        index, grams, keys = map(object_name, (f"idx_{table}_grams", f"agnodb_grams_{table}", f"agnodb_keys_{table}"))
        return cls(index, grams, keys, triggers)


@dataclass(frozen=True, slots=True)
class TableNames:
    """The name of each table. `metadata["argument"]` is the name of agno's constructor argument for it."""

    sessions: str = _named("session_table", "agno_sessions")
    runs: str = _named("runs_table", "agno_runs")
    memories: str = _named("memory_table", "agno_memories")
    metrics: str = _named("metrics_table", "agno_metrics")
    eval_runs: str = _named("eval_table", "agno_eval_runs")
    knowledge: str = _named("knowledge_table", "agno_knowledge")
    traces: str = _named("traces_table", "agno_traces")
    spans: str = _named("spans_table", "agno_spans")
    schema_versions: str = _named("versions_table", "agno_schema_versions")
    learnings: str = _named("learnings_table", "agno_learnings")
    schedules: str = _named("schedules_table", "agno_schedules")
    schedule_runs: str = _named("schedule_runs_table", "agno_schedule_runs")
    approvals: str = _named("approvals_table", "agno_approvals")

    def __post_init__(self) -> None:
        names = self.as_dict()
        for concept, name in names.items():
            if not 0 < len(name.encode("utf-8", "surrogatepass")) <= MAX_IDENTIFIER_BYTES or _UNWRITABLE.search(name):
                raise ConfigurationError(
                    f"The table name for {concept} must have 1 to {MAX_IDENTIFIER_BYTES} bytes.", detail=repr(name)
                )
        if len({name.lower() for name in names.values()}) < len(names):
            raise ConfigurationError("Two tables cannot have the same name.", detail=repr(names))

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, str | None]) -> TableNames:
        """Names from agno's constructor arguments; an absent or empty one takes its default.

        As in agno, a runs table without a name of its own follows a renamed session table, because its foreign
        key can point to one session table only.
        """
        chosen = {f.name: value for f in fields(cls) if (value := arguments.get(f.metadata["argument"]))}
        sessions = chosen.get("sessions", cls().sessions)
        if "runs" not in chosen and sessions != cls().sessions:
            chosen["runs"] = f"{sessions}_runs"
        return cls(**chosen)

    @classmethod
    def arguments(cls) -> dict[str, str]:
        """agno's argument name -> our concept, in the order of the fields."""
        return {f.metadata["argument"]: f.name for f in fields(cls)}

    def as_dict(self) -> dict[str, str]:
        """Concept -> table name, of the tables that agno has too."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def own(self) -> dict[str, str]:
        """Concept -> name of the tables that only agnodb has: what the metrics of these runs were counted from."""
        concepts = ("metric_changes", "metric_counts", "metric_totals")
        return {concept: object_name(f"agnodb_{concept}_{self.runs}_{self.metrics}") for concept in concepts}

    def all(self) -> frozenset[str]:
        """The names of agno's tables and of our own."""
        return frozenset((*self.as_dict().values(), *self.own().values()))

    def triggers(self) -> dict[str, tuple[str, ...]]:
        """Concept -> names of the triggers on its table, for inserts, updates and deletes, that note what changed."""
        return {
            concept: tuple(object_name(f"agnodb_{event}_{table}_{self.metrics}") for event in TRIGGER_EVENTS)
            for concept, table in (("runs", self.runs), ("sessions", self.sessions))
        }

    def grams(self) -> dict[str, GramNames]:
        """Concept -> names of what serves the searches in its table."""
        return {"learnings": GramNames.of(self.learnings), "memories": GramNames.of(self.memories)}


@dataclass(frozen=True, slots=True)
class Layout:
    """One set of tables: their schema (None on SQLite) and their names."""

    schema: str | None = None
    names: TableNames = TableNames()

    @property
    def key(self) -> str:
        """The row of this set in `agnodb_version`: 'default', or a digest that is the same in every process."""
        if self.names == TableNames():
            return "default"
        return hashlib.sha256(json.dumps(self.names.as_dict()).encode()).hexdigest()[:16]

    def options(self) -> str:
        """The command-line options that name this set, e.g. ``--schema x --table session_table=chats``."""
        words = [] if self.schema in (None, DEFAULT_SCHEMA) else [f"--schema {shlex.quote(self.schema)}"]
        chosen = self.names.as_dict()
        implied = TableNames().as_dict()
        if chosen["sessions"] != implied["sessions"]:  # see `TableNames.from_arguments`
            implied["runs"] = f"{chosen['sessions']}_runs"
        for argument, concept in TableNames.arguments().items():
            if chosen[concept] != implied[concept]:
                words.append("--table " + shlex.quote(f"{argument}={chosen[concept]}"))
        return " ".join(words)


def layout_from(settings: Mapping[str, str | None], *, schema_default: str | None) -> Layout:
    """The layout that `settings` (agno's argument names, and `schema`) describe."""
    unknown = sorted(set(settings) - set(TableNames.arguments()) - {"schema", "url"})
    if unknown:
        known = ", ".join(TableNames.arguments())
        raise ConfigurationError(f"Unknown setting. Known: url, schema, {known}.", detail=", ".join(unknown))
    return Layout(settings.get("schema") or schema_default, TableNames.from_arguments(settings))


def settings_from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What is set of `AGNODB_URL`, `AGNODB_SCHEMA` and `AGNODB_<ARGUMENT>` (e.g. `AGNODB_SESSION_TABLE`).

    `AGNODB_MIGRATIONS_URL`, the way past a pooler, goes before `AGNODB_URL`.
    """
    keys = ("url", "schema", *TableNames.arguments())
    found = {key: environ.get(f"AGNODB_{key.upper()}") for key in keys}
    found["url"] = environ.get("AGNODB_MIGRATIONS_URL") or found["url"]
    return {key: value for key, value in found.items() if value}


def object_name(name: str) -> str:
    """`name`, shortened with a digest where the database would cut it and two names could collide."""
    raw = name.encode()
    if len(raw) <= MAX_IDENTIFIER_BYTES:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:8]
    return f"{raw[: MAX_IDENTIFIER_BYTES - 9].decode(errors='ignore')}_{digest}"


def redact(url: str) -> str:
    """`url` without its password, for messages and `repr`."""
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)


def upgrade_command(layout: Layout) -> str:
    """The command that brings the schema of `layout` to the latest revision."""
    return f"agnodb upgrade {layout.options()}".rstrip()
