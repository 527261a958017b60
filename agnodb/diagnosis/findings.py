"""What follows from the facts, whatever the database. Nothing here waits."""

from __future__ import annotations

from collections.abc import Iterator

from agnodb.diagnosis.facts import (
    Facts,
    Latency,
    MongoFacts,
    MySQLFacts,
    Pooler,
    PostgresFacts,
    SchemaState,
    SqliteFacts,
)
from agnodb.diagnosis.finding import Commands, Finding, Severity
from agnodb.diagnosis.findings_mongo import about_mongo
from agnodb.diagnosis.findings_postgresql import about_postgresql, cannot_migrate
from agnodb.errors import AgnoDbError, MissingDriverError

FAR_MS = 20.0
"""A round trip that takes longer than this is felt: a turn of an agent makes several."""

OLDEST_SQLITE = (3, 35)
OLDEST = {"MariaDB": (10, 6), "SingleStore": (8, 0), "MySQL": (8, 0)}

LEAST_PACKET = 16 * 1024 * 1024
"""Bytes. A long conversation is one document of some megabytes."""

# Differences that a repeated upgrade makes good: each of its steps creates what is missing.
_ADDITIONS = ("add_table ", "add_column ", "add_index ")

# By SQLSTATE, or its class.
_CONNECTION_MENDS = {
    "28": "Correct the user and the password in the URL, or the server's pg_hba.conf.",
    "3D000": "createdb NAME, on that server, or correct the database's name in the URL.",
    "53300": "Wait, or raise max_connections: the server has no connection left.",
    "57P03": "Wait: the server is starting up or shutting down.",
}


def findings_of(facts: Facts, commands: Commands) -> list[Finding]:
    """What `facts` mean, in the order in which they matter."""
    found = [*about_latency(facts.latency)]
    if isinstance(facts.server, PostgresFacts):
        found += about_postgresql(facts.server, facts.schema, commands)
    elif isinstance(facts.server, MySQLFacts):
        found += _about_mysql(facts.server)
    elif isinstance(facts.server, MongoFacts):
        found += about_mongo(facts.server)
    else:
        found += _about_sqlite(facts.server)
    return [*found, *_about_schema(facts, commands)]


def no_connection(error: AgnoDbError) -> Finding:
    """The one finding when nothing could be connected to."""
    state = str(error.facts.get("sqlstate") or "")
    mend = _CONNECTION_MENDS.get(state) or _CONNECTION_MENDS.get(state[:2])
    if isinstance(error, MissingDriverError):
        mend = f"pip install 'agnodb[{error.facts['extra']}]'"
    if mend is None and not error.facts:
        mend = "Check the host, the port, and whether the server runs and lets this machine in."
    return Finding("connection", Severity.ERROR, str(error), mend)


def about_latency(latency: Latency | None) -> Iterator[Finding]:
    """What there is to say of how long things took."""
    if latency is None:
        return
    said = f"connected in {latency.connect_ms:.1f} ms; a round trip takes {latency.round_trip_ms:.2f} ms"
    yield Finding("connection", Severity.OK, said)
    if latency.round_trip_ms > FAR_MS:
        yield Finding(
            "latency",
            Severity.NOTE,
            f"A round trip of {latency.round_trip_ms:.0f} ms is felt: a turn of an agent makes several.",
            "Run the program near its database.",
        )


def _about_mysql(facts: MySQLFacts) -> Iterator[Finding]:
    kind = next((name for name in OLDEST if name.lower() in facts.version.lower()), "MySQL")
    number = tuple(int(part) for part in facts.version.split("-")[0].split(".")[:2] if part.isdecimal())
    oldest = OLDEST[kind]
    if number < oldest:
        mend = f"Upgrade the server to {'.'.join(map(str, oldest))} or later."
        yield Finding("server", Severity.ERROR, f"{kind} {facts.version} is too old.", mend)
    else:
        yield Finding("server", Severity.OK, f"{kind} {facts.version}, as {facts.role}")
    if facts.read_only:
        mend = "Use the URL of the server that takes writes, or SET GLOBAL read_only = OFF."
        yield Finding("writing", Severity.ERROR, "The server can only be read.", mend)
    if facts.max_allowed_packet < LEAST_PACKET:
        said = f"A document can have {facts.max_allowed_packet:,} bytes at most: max_allowed_packet."
        yield Finding("packet", Severity.WARNING, said, f"SET GLOBAL max_allowed_packet = {LEAST_PACKET}")
    if facts.connections >= facts.max_connections * 0.8:
        said = f"{facts.connections} of {facts.max_connections} connections are open."
        yield Finding("connections", Severity.WARNING, said, "Raise max_connections, or lower pool_size.")


def _about_sqlite(facts: SqliteFacts) -> Iterator[Finding]:
    version = ".".join(map(str, facts.version))
    if facts.version < OLDEST_SQLITE:
        mend = "Use a Python whose sqlite3 module has SQLite 3.35 or later."
        yield Finding("server", Severity.ERROR, f"SQLite {version} is too old.", mend)
    else:
        yield Finding("server", Severity.OK, f"SQLite {version}")
    if not facts.exists:
        if not facts.folder_writable:
            mend = "Give the program's user the right to write into the folder."
            yield Finding("file", Severity.ERROR, "The file does not exist, and cannot be made.", mend)
        else:
            yield Finding("file", Severity.NOTE, "The file does not exist yet.")
        return
    if facts.in_memory:
        yield Finding("file", Severity.NOTE, "A database in memory: nothing remains when the program ends.")
    elif not facts.writable:
        mend = "Give the program's user the right to write the file and its folder."
        yield Finding("file", Severity.ERROR, "The database can only be read.", mend)
    elif facts.locked:
        mend = "Find who holds it (fuser FILE): a program that is stopped, or one in a long transaction."
        yield Finding("file", Severity.WARNING, "Another program keeps the write lock.", mend)
    else:
        yield Finding("file", Severity.OK, f"may be written; {facts.bytes:,} bytes")
    if not facts.in_memory and facts.journal_mode != "wal":
        said = f"Journal mode is {facts.journal_mode}: readers and writers wait for each other."
        mend = "Nothing to do where the file system allows it: agnodb switches to WAL when a server opens the file."
        yield Finding("journal", Severity.NOTE, said, mend)


def _about_schema(facts: Facts, commands: Commands) -> Iterator[Finding]:
    schema, of = facts.schema, facts.schema.of
    by_state = {
        SchemaState.UNREADABLE: f"This role may not look at agnodb's {of}.",
        SchemaState.NONE: f"There are no {of} yet.",
        SchemaState.AGNO: f"agno's own adapter made these {of}; agnodb has not adopted them yet. No row is changed.",
        SchemaState.OLDER_AGNO: f"An agno before 3.1 made these {of}.",
        SchemaState.BEHIND: f"The {of} are at {schema.revision}; this agnodb needs {schema.head}.",
        SchemaState.NEWER: f"The {of} are at {schema.revision}, newer than the {schema.head} that this agnodb knows.",
        SchemaState.DRIFTED: f"The {of} are not as they should be: " + "; ".join(schema.differences),
        SchemaState.CURRENT: f"at {schema.revision} (head), nothing differs"
        + ("; adopted from agno" if schema.adopted else ""),
    }
    quiet = {SchemaState.CURRENT: Severity.OK, SchemaState.NEWER: Severity.NOTE}
    severity = quiet.get(schema.state, Severity.ERROR)
    pooled = isinstance(facts.server, PostgresFacts) and facts.server.pooler is Pooler.TRANSACTION
    yield Finding("schema", severity, by_state[schema.state], _mend(facts, commands, pooled))
    if isinstance(facts.server, PostgresFacts):
        yield from cannot_migrate(facts.server, schema, commands)


def _mend(facts: Facts, commands: Commands, pooled: bool) -> str | None:
    schema = facts.schema
    if schema.state in (SchemaState.NONE, SchemaState.AGNO, SchemaState.BEHIND):
        return commands.agnodb("upgrade", pooled=pooled)
    if schema.state is SchemaState.OLDER_AGNO:
        return commands.agnodb("adopt", pooled=pooled)
    if schema.state is SchemaState.NEWER:
        return "pip install --upgrade agnodb"
    if schema.state is SchemaState.DRIFTED and isinstance(facts.server, MongoFacts):
        again = commands.agnodb("upgrade")
        whole = all(": no index on " in line for line in schema.differences)
        return again if whole else f"Drop each index that is not unique, then: {again}"
    if schema.state is SchemaState.DRIFTED:
        if all(line.startswith(_ADDITIONS) for line in schema.differences):
            return " && ".join(commands.agnodb(command, pooled=pooled) for command in ("stamp base", "upgrade"))
        return f"Compare with: {commands.agnodb('sql')}"
    return None
