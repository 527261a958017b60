"""What follows from the facts of a PostgreSQL server. Nothing here waits."""

from __future__ import annotations

from collections.abc import Iterator

from agnodb.diagnosis.facts import Pooler, PostgresFacts, SchemaFacts, SchemaState
from agnodb.diagnosis.finding import Commands, Finding, Severity, quoted
from agnodb.drivers import POOL_SIZE

OLDEST = 140_000


def about_postgresql(facts: PostgresFacts, schema: SchemaFacts, commands: Commands) -> Iterator[Finding]:
    """Everything but the schema's state."""
    yield from _about_server(facts)
    yield from _about_pooler(facts)
    yield from _about_encryption(facts)
    yield from _about_limits(facts)
    yield from _about_rights(facts, schema, commands)
    yield from _about_extensions(facts)


def cannot_migrate(facts: PostgresFacts, schema: SchemaFacts, commands: Commands) -> Iterator[Finding]:
    """That this role may not change the schema: harmless as long as nothing has to be changed."""
    if facts.rights.may_migrate:
        return
    changes = (SchemaState.NONE, SchemaState.AGNO, SchemaState.BEHIND, SchemaState.DRIFTED)
    said = f"The role {facts.role} may not make or change the tables."
    if schema.state in changes:
        place = quoted(commands.layout.schema or "public")
        grants = [f"GRANT CREATE ON DATABASE {quoted(facts.database)} TO {quoted(facts.role)}"]
        if facts.rights.schema_exists:
            grants = [f"GRANT USAGE, CREATE ON SCHEMA {place} TO {quoted(facts.role)}"]
        foreign = any(not table.owned for table in facts.rights.tables.values())
        mend = "Run that command as the role that owns the tables." if foreign else commands.sql(*grants)
        yield Finding("migrations", Severity.ERROR, said, mend)
    else:
        mend = f"Migrate as another role: {commands.agnodb('upgrade')}"
        yield Finding("migrations", Severity.NOTE, f"{said} It does not have to now.", mend)


def _about_server(facts: PostgresFacts) -> Iterator[Finding]:
    place = f"{facts.version}, database {facts.database}, role {facts.role}"
    if facts.number < OLDEST:
        mend = "Use PostgreSQL 14 or later."
        yield Finding("server", Severity.ERROR, f"{place}: too old.", mend)
    elif facts.replica:
        mend = "Connect to the primary."
        yield Finding("server", Severity.ERROR, f"{place}: a replica, which takes no writes.", mend)
    elif facts.read_only:
        mend = f"ALTER DATABASE {quoted(facts.database)} RESET default_transaction_read_only;"
        yield Finding("server", Severity.ERROR, f"{place}: transactions are read-only by default.", mend)
    elif facts.encoding != "UTF8":
        said = f"{place}: its encoding {facts.encoding} cannot hold every text."
        mend = f"CREATE DATABASE {quoted(facts.database + '_utf8')} ENCODING 'UTF8' TEMPLATE template0;"
        yield Finding("server", Severity.ERROR, said, mend)
    else:
        yield Finding("server", Severity.OK, place)


def _about_pooler(facts: PostgresFacts) -> Iterator[Finding]:
    if facts.pooler is Pooler.NONE:
        yield Finding("pooler", Severity.OK, "none: this is the server itself")
    elif facts.pooler is Pooler.SESSION:
        said = "a pooler or proxy that keeps a server connection for each client: another process answered the login"
        yield Finding("pooler", Severity.OK, said)
    elif facts.pooler_in_url:
        said = f"a pooler in transaction mode, as the URL says ({facts.pooler_in_url})"
        yield Finding("pooler", Severity.OK, said)
    else:
        said = "A pooler shares server connections between clients, transaction by transaction: two clients at once"
        said += " were served by one process. The URL does not say so."
        mend = 'Add pgbouncer=true to the URL\'s query, or write AsyncPostgresDb(..., pooler="transaction").'
        yield Finding("pooler", Severity.ERROR, said, mend)


def _about_encryption(facts: PostgresFacts) -> Iterator[Finding]:
    if facts.encrypted:
        yield Finding("encryption", Severity.OK, "the connection is encrypted")
    elif facts.encrypted is False and not facts.same_host:
        said = "The connection is not encrypted, and leaves this machine."
        yield Finding("encryption", Severity.NOTE, said, "Add ?sslmode=require to the URL.")


def _about_limits(facts: PostgresFacts) -> Iterator[Finding]:
    free = facts.max_connections - facts.connections
    said = f"{facts.connections} of {facts.max_connections} connections in use"
    if facts.pooler is Pooler.TRANSACTION:
        yield Finding("connections", Severity.OK, f"{said}, the pooler's included")
    elif free < POOL_SIZE:
        said += f"; one process of agnodb opens up to {POOL_SIZE}, and {free} are left."
        mend = f"AsyncPostgresDb(..., pool_size={max(free // 2, 1)}), a pooler, or a higher max_connections."
        yield Finding("connections", Severity.WARNING, said, mend)
    else:
        room = free // POOL_SIZE
        processes = "process" if room == 1 else "processes"
        yield Finding("connections", Severity.OK, f"{said}: room for {room} {processes} with {POOL_SIZE} each")


def _about_rights(facts: PostgresFacts, schema: SchemaFacts, commands: Commands) -> Iterator[Finding]:
    rights, role = facts.rights, quoted(facts.role)
    if not rights.schema_exists:
        return
    if not rights.use_schema:
        place = quoted(commands.layout.schema or "public")
        said = f"The role {facts.role} may not use the schema."
        yield Finding("rights", Severity.ERROR, said, commands.sql(f"GRANT USAGE ON SCHEMA {place} TO {role}"))
        return
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, table in sorted(rights.tables.items()):
        if table.missing:
            groups.setdefault(table.missing, []).append(name)
    if groups:
        lacking = sum(map(len, groups.values()))
        said = f"The role {facts.role} lacks rights on {lacking} of {len(rights.tables)} tables: "
        said += "; ".join(f"{', '.join(missing)} on {', '.join(names)}" for missing, names in groups.items())
        grants = [
            f"GRANT {', '.join(missing)} ON {', '.join(map(commands.name, names))} TO {role}"
            for missing, names in groups.items()
        ]
        yield Finding("rights", Severity.ERROR, said, commands.sql(*grants))
    elif rights.tables:
        yield Finding("rights", Severity.OK, f"may read and write all {len(rights.tables)} tables")
    hidden = sorted(name for name, table in rights.tables.items() if table.row_security)
    if hidden:
        said = f"Policies hide rows of {', '.join(hidden)} from the role {facts.role}."
        mend = commands.sql(*(f"ALTER TABLE {commands.name(name)} DISABLE ROW LEVEL SECURITY" for name in hidden))
        yield Finding("policies", Severity.NOTE, said, f"Only if that is not what you want: {mend}")


def _about_extensions(facts: PostgresFacts) -> Iterator[Finding]:
    if version := facts.extensions.get("vector"):
        yield Finding("extensions", Severity.OK, f"vector {version}")
    elif "vector" in facts.extensions:
        said = "vector is not installed in this database; only a vector store needs it."
        yield Finding("extensions", Severity.NOTE, said, "CREATE EXTENSION vector;")
    else:
        said = "The server does not have the extension vector (pgvector); only a vector store needs it."
        yield Finding("extensions", Severity.NOTE, said, "Install pgvector on the server.")
