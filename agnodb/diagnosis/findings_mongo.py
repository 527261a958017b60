"""What follows from the facts of MongoDB. Nothing here waits."""

from __future__ import annotations

from collections.abc import Iterator

from agnodb.diagnosis.facts import MongoFacts
from agnodb.diagnosis.finding import Finding, Severity

OLDEST = (5, 0)
"""The first with `$getField`, by which metrics read keys with dots."""


def about_mongo(facts: MongoFacts) -> Iterator[Finding]:
    """What there is to say of the server."""
    number = tuple(int(part) for part in facts.version.split(".")[:2] if part.isdecimal())
    if number < OLDEST:
        mend = f"Upgrade the server to {'.'.join(map(str, OLDEST))} or later."
        yield Finding("server", Severity.ERROR, f"MongoDB {facts.version} is too old.", mend)
    else:
        known = f", as {', '.join(facts.users)}" if facts.users else ""
        yield Finding("server", Severity.OK, f"MongoDB {facts.version}, a {facts.deployment}{known}")
    if facts.deployment == "standalone":
        said = "A server that is no replica set has no transactions: db.transaction() is refused."
        mend = "Start it with --replSet NAME and run rs.initiate(): one server is enough."
        yield Finding("transactions", Severity.NOTE, said, mend)
    if not facts.writable:
        mend = "Name all servers in the URL, without directConnection: then the driver finds the one that takes writes."
        yield Finding("writing", Severity.ERROR, "This server takes no writes: it is not the primary.", mend)
    if facts.connections and facts.max_connections and facts.connections >= facts.max_connections * 0.8:
        said = f"{facts.connections} of {facts.max_connections} connections are open."
        yield Finding("connections", Severity.WARNING, said, "Raise net.maxIncomingConnections, or lower maxPoolSize.")
