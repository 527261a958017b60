"""What was seen of a database. `agnodb.diagnosis.findings` says what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agnodb.migrations.head import HEAD


class SchemaState(StrEnum):
    """How the tables of a layout compare with the ones that this agnodb knows."""

    UNREADABLE = "unreadable"
    """This role may not look."""
    NONE = "none"
    """Nobody has made the tables."""
    AGNO = "agno"
    """agno's own adapter made them, in the shape of agno 3.1: an upgrade adopts them."""
    OLDER_AGNO = "older agno"
    """An agno before 3.1 made them."""
    BEHIND = "behind"
    NEWER = "newer"
    """At a revision that only a newer agnodb knows."""
    DRIFTED = "drifted"
    """At head, and yet not as the models say."""
    CURRENT = "current"


@dataclass(frozen=True, kw_only=True)
class SchemaFacts:
    """The schema's state, its revision, and at head what differs (one line each)."""

    state: SchemaState
    revision: str | None = None
    adopted: bool = False
    """Some of the tables were made by agno's own adapter."""
    differences: tuple[str, ...] = ()
    head: str = HEAD
    """The revision that this agnodb needs."""
    of: str = "tables"
    """What it is a schema of."""


@dataclass(frozen=True, kw_only=True)
class TableRights:
    """What the connected role may do with one table."""

    missing: tuple[str, ...] = ()
    """Of SELECT, INSERT, UPDATE, DELETE: what it may not."""
    owned: bool = False
    """Only an owner may add columns and indexes."""
    row_security: bool = False
    """Policies hide rows from this role."""


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What the connected role may do. Without a schema, its two rights are False."""

    schema_exists: bool = False
    use_schema: bool = False
    create_in_schema: bool = False
    create_schema: bool = False
    tables: Mapping[str, TableRights] = field(default_factory=dict)
    """The layout's tables that exist, and `agnodb_version`."""

    @property
    def may_migrate(self) -> bool:
        """Whether this role may make the tables, or change those that are there."""
        place = self.create_in_schema if self.schema_exists else self.create_schema
        return place and all(table.owned for table in self.tables.values())


class Pooler(StrEnum):
    """What stands between this program and PostgreSQL."""

    NONE = "none"
    SESSION = "session"
    """A pooler, or another proxy, that keeps one server connection for each client."""
    TRANSACTION = "transaction"


@dataclass(frozen=True, kw_only=True)
class PostgresFacts:
    """A PostgreSQL server, as seen over one connection."""

    version: str
    number: int
    """E.g. 180004 for 18.4."""
    role: str
    database: str
    encoding: str
    replica: bool
    read_only: bool
    """New transactions may not write, by a setting of the server, the database or the role."""
    same_host: bool
    encrypted: bool | None
    """None where a pooler hides it."""
    pooler: Pooler
    pooler_in_url: str | None
    """What in the URL says that there is one in transaction mode."""
    max_connections: int
    """What this role may open at most, on an idle server: the least of all limits."""
    connections: int
    """How many of those are open, by anybody, this one included."""
    extensions: Mapping[str, str | None]
    """The version that is installed in this database; None for one that only could be."""
    rights: Rights


@dataclass(frozen=True, kw_only=True)
class MySQLFacts:
    """A server of MySQL or MariaDB, as seen over one connection."""

    version: str
    role: str
    read_only: bool
    encrypted: bool
    max_connections: int
    connections: int
    """How many are open, by those whom this role may see."""
    max_allowed_packet: int
    """Bytes of the largest statement, and so of the largest document."""


@dataclass(frozen=True, kw_only=True)
class MongoFacts:
    """A server of MongoDB, as seen over one connection."""

    version: str
    users: tuple[str, ...]
    """As whom the connection is known, as ``user@database``; none where the server asks nobody."""
    deployment: str
    """``standalone``, ``replica set`` or ``sharded cluster``."""
    writable: bool
    """Whether it is the primary, or leads to it."""
    connections: int | None
    """How many are open, by anybody; None where this user may not know, or the server does not tell."""
    max_connections: int | None


@dataclass(frozen=True, kw_only=True)
class SqliteFacts:
    """A SQLite database. Without its `file`, nothing was connected to."""

    version: tuple[int, ...]
    exists: bool = True
    in_memory: bool = False
    folder_writable: bool = True
    writable: bool = True
    locked: bool = False
    """Another process kept the write lock all the time that we waited."""
    journal_mode: str = ""
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long things took, in milliseconds."""

    connect_ms: float
    round_trip_ms: float
    """The median of several."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that was seen."""

    server: PostgresFacts | MySQLFacts | MongoFacts | SqliteFacts
    schema: SchemaFacts
    latency: Latency | None = None
    """None where nothing was connected to."""
