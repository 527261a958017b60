"""One examination of one database: connect, look, say what follows."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from agnodb.config import Layout
from agnodb.diagnosis import mysql, postgresql, sqlite
from agnodb.diagnosis.connecting import autocommitted, looking, measure, milliseconds
from agnodb.diagnosis.facts import Facts, MySQLFacts, PostgresFacts, SchemaFacts, SchemaState, SqliteFacts
from agnodb.diagnosis.finding import Commands, Finding
from agnodb.diagnosis.findings import findings_of, no_connection
from agnodb.diagnosis.schema import read_schema
from agnodb.diagnosis.store_facts import StoreFacts
from agnodb.sql.failures import sqlstate_of, translate
from agnodb.urls import backend_of

NO_RIGHT = "42501"


@dataclass(frozen=True)
class Report:
    """What an examination found. Without `facts` there was no connection."""

    findings: list[Finding]
    facts: Facts | StoreFacts | None = None
    detail: str | None = None
    """What the driver said when there was no connection."""

    @property
    def exit_code(self) -> int:
        """0: nothing to do. 1: something needs action. 2: no connection."""
        if self.facts is None:
            return 2
        return int(any(finding.needs_action for finding in self.findings))

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        facts = None if self.facts is None else asdict(self.facts)
        return {"exit_code": self.exit_code, "findings": [asdict(f) for f in self.findings], "facts": facts}


async def examine(url: URL, layout: Layout, commands: Commands) -> Report:
    """Examine the database of `url`; nothing in it is changed. Raises nothing for what it finds.

    A server that accepts no connection is a finding too. MissingDriverError is raised.
    """
    absent = sqlite.missing_file(url) if backend_of(url) == "sqlite" else None
    if absent is not None:
        facts = Facts(server=absent, schema=SchemaFacts(state=SchemaState.NONE))
        return Report(findings_of(facts, commands), facts)
    async with looking(url) as engine:
        start = time.perf_counter()
        try:
            async with autocommitted(engine) as connection:
                facts = await _look(url, engine, connection, layout, milliseconds(start))
        except Exception as error:
            translated = translate(error, commands.agnodb("upgrade"))
            return Report([no_connection(translated)], detail=translated.detail)
    return Report(findings_of(facts, commands), facts)


async def _look(url: URL, engine: AsyncEngine, connection: AsyncConnection, layout: Layout, connect_ms: float) -> Facts:
    server: PostgresFacts | MySQLFacts | SqliteFacts
    if backend_of(url) == "postgresql":
        server = await postgresql.read_server(url, engine, connection, layout)
    elif backend_of(url) in ("mysql", "singlestore"):
        server = await mysql.read_server(connection)
    else:
        server = await sqlite.read_file(connection)
    latency = await measure(connection, connect_ms)
    return Facts(server=server, latency=latency, schema=await _schema(engine, layout))


async def _schema(engine: AsyncEngine, layout: Layout) -> SchemaFacts:
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(read_schema, layout)
    except DBAPIError as error:
        if sqlstate_of(error.orig) != NO_RIGHT:
            raise
        return SchemaFacts(state=SchemaState.UNREADABLE)
