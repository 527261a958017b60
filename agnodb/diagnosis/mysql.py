"""What can be seen of a server of MySQL, MariaDB or SingleStore."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from agnodb.diagnosis.facts import MySQLFacts
from agnodb.urls import backend_of


async def read_server(connection: AsyncConnection) -> MySQLFacts:
    """The facts of a server. Raises what the driver raises."""
    if backend_of(connection.engine.url) == "singlestore":
        return await _singlestore(connection)
    variables = await connection.exec_driver_sql(
        "SELECT VERSION(), CURRENT_USER(), @@GLOBAL.read_only, @@GLOBAL.max_connections, @@max_allowed_packet,"
        " (SELECT COUNT(*) FROM information_schema.processlist)"
    )
    version, role, read_only, most, packet, connections = list[Any](variables.one())
    cipher: Any = (await connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'")).first()
    return MySQLFacts(
        version=version,
        role=role,
        read_only=str(read_only) not in ("0", "OFF"),
        encrypted=cipher is not None and bool(cipher[1]),
        max_connections=most,
        connections=connections,
        max_allowed_packet=packet,
    )


async def _singlestore(connection: AsyncConnection) -> MySQLFacts:
    """It tells clients of MySQL a version of MySQL, and has fewer variables."""
    variables = await connection.exec_driver_sql(
        "SELECT @@memsql_version, CURRENT_USER(), @@max_connections, @@max_allowed_packet,"
        " (SELECT COUNT(*) FROM information_schema.processlist)"
    )
    version, role, most, packet, connections = list[Any](variables.one())
    cipher: Any = (await connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'")).first()
    return MySQLFacts(
        version=f"{version}-SingleStore",
        role=role,
        read_only=False,
        encrypted=cipher is not None and bool(cipher[1]),
        max_connections=int(most),
        connections=connections,
        max_allowed_packet=int(packet),
    )
