"""What can be seen of a server of MySQL or MariaDB."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from agnodb.diagnosis.facts import MySQLFacts


async def read_server(connection: AsyncConnection) -> MySQLFacts:
    """The facts of a server. Raises what the driver raises."""
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
