"""What can be seen of a PostgreSQL server."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from agnodb.config import Layout
from agnodb.diagnosis.connecting import driver_connection
from agnodb.diagnosis.facts import Pooler, PostgresFacts, Rights, TableRights
from agnodb.migrations.version_table import NAME as VERSION_TABLE
from agnodb.urls import pooler_of

PROBES = 3
PROBE_SECONDS = 5.0
"""How long to wait for a second connection: a pooler that has none left does not refuse, it lets us wait."""

EXTENSIONS = ("vector",)
WANTED = ("SELECT", "INSERT", "UPDATE", "DELETE")

_SERVER = text(
    "SELECT split_part(version(), ' on ', 1) AS version, current_setting('server_version_num')::int AS number,"
    " current_user::text AS role, current_database()::text AS database, pg_is_in_recovery() AS replica,"
    " current_setting('default_transaction_read_only')::bool AS read_only,"
    " current_setting('server_encoding') AS encoding,"
    " coalesce(inet_client_addr() IS NOT DISTINCT FROM inet_server_addr(), true) AS same_host,"
    " (SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted"
)
# Connections that this role may not have (the reserved ones) count as used by nobody, but out of reach.
_LIMITS = text(
    "SELECT current_setting('max_connections')::int - CASE WHEN r.rolsuper THEN 0"
    " ELSE current_setting('superuser_reserved_connections')::int"
    " + coalesce(current_setting('reserved_connections', true)::int, 0) END AS server_limit,"
    " CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END AS role_limit,"
    " CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END AS database_limit,"
    " count(a.pid) AS server_used, count(a.pid) FILTER (WHERE a.usename = current_user) AS role_used,"
    " count(a.pid) FILTER (WHERE a.datname = current_database()) AS database_used"
    " FROM pg_catalog.pg_roles r, pg_catalog.pg_database d, pg_catalog.pg_stat_activity a"
    # Columns of others' connections are hidden from most roles, but not who they are and where.
    " WHERE r.rolname = current_user AND d.datname = current_database() AND a.usename IS NOT NULL"
    " GROUP BY r.rolsuper, r.rolconnlimit, d.datconnlimit"
)
_EXTENSIONS = text(
    "SELECT name, installed_version FROM pg_catalog.pg_available_extensions WHERE name = ANY(CAST(:names AS text[]))"
)
_SCHEMA = text(
    "SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE')"
    " FROM pg_catalog.pg_namespace WHERE nspname = :schema"
)
_MAY_CREATE_SCHEMA = text("SELECT has_database_privilege(current_database(), 'CREATE')")
_TABLES = text(
    "SELECT c.relname AS name, has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'),"
    " has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'),"
    " pg_has_role(c.relowner, 'USAGE') AS owned, row_security_active(c.oid) AS row_security"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relkind IN ('r', 'p') AND c.relname = ANY(CAST(:names AS text[]))"
)


async def read_server(url: URL, engine: AsyncEngine, connection: AsyncConnection, layout: Layout) -> PostgresFacts:
    """All facts but the schema's. Raises what the driver raises."""
    pooler = await _pooler(engine, connection)
    server = (await connection.execute(_SERVER)).one()._asdict()
    if pooler is not Pooler.NONE:
        server |= {"encrypted": None, "same_host": False}
    limit, used = await _limits(connection)
    found = await connection.execute(_EXTENSIONS, {"names": list(EXTENSIONS)})
    extensions: dict[str, str | None] = {row.name: row.installed_version for row in found}
    rights = await _rights(connection, layout)
    return PostgresFacts(
        **server,
        pooler=pooler,
        pooler_in_url=pooler_of(url),
        max_connections=limit,
        connections=used,
        extensions=extensions,
        rights=rights,
    )


async def _limits(connection: AsyncConnection) -> tuple[int, int]:
    """The limit that is reached first, and what is used of it."""
    row = (await connection.execute(_LIMITS)).one()
    pairs = [(getattr(row, f"{what}_limit"), getattr(row, f"{what}_used")) for what in ("server", "role", "database")]
    return min((pair for pair in pairs if pair[0] >= 0), key=lambda pair: pair[0] - pair[1])


async def _rights(connection: AsyncConnection, layout: Layout) -> Rights:
    names = [*layout.names.as_dict().values(), *layout.names.own().values(), VERSION_TABLE]
    place = (await connection.execute(_SCHEMA, {"schema": layout.schema})).first()
    tables = (await connection.execute(_TABLES, {"schema": layout.schema, "names": names})).all()
    return Rights(
        schema_exists=place is not None,
        use_schema=bool(place and place[0]),
        create_in_schema=bool(place and place[1]),
        create_schema=bool(await connection.scalar(_MAY_CREATE_SCHEMA)),
        tables={row.name: _table_rights(row) for row in tables},
    )


def _table_rights(row: Any) -> TableRights:
    wanted = WANTED[:1] if row.name == VERSION_TABLE else WANTED  # a server only reads that one
    missing = tuple(right for right, granted in zip(WANTED, row[1:5], strict=True) if right in wanted and not granted)
    return TableRights(missing=missing, owned=row.owned, row_security=row.row_security)


async def _pooler(engine: AsyncEngine, connection: AsyncConnection) -> Pooler:
    """What is between: nothing where the server process is the one that was announced when we connected.

    A pooler answers the login itself, and invents a process for it. Whether it pools transactions shows when two
    clients that are both connected get one and the same server process.
    """
    driver = await driver_connection(connection)
    ask = text("SELECT pg_backend_pid()")
    announced = driver.get_server_pid() if hasattr(driver, "get_server_pid") else driver.info.backend_pid
    mine = await connection.scalar(ask)
    if mine == announced:
        return Pooler.NONE
    try:
        async with asyncio.timeout(PROBE_SECONDS), engine.connect() as second:
            for _ in range(PROBES):
                theirs = await second.scalar(ask)  # keeps that process until the rollback
                moved = await connection.scalar(ask)
                await second.rollback()
                if theirs == mine or moved != mine:
                    return Pooler.TRANSACTION
    except TimeoutError:
        pass  # it has no second connection for us, so ours is ours
    return Pooler.SESSION
