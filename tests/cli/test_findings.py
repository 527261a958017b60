"""What follows from facts that no test server has: plain functions, nothing connects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agnodb.config import Layout
from agnodb.diagnosis.facts import (
    Facts,
    Latency,
    MongoFacts,
    Pooler,
    PostgresFacts,
    Rights,
    SchemaFacts,
    SchemaState,
    SqliteFacts,
    TableRights,
)
from agnodb.diagnosis.finding import Commands, Finding, Severity, quoted
from agnodb.diagnosis.findings import findings_of, no_connection
from agnodb.errors import MissingDriverError, UnavailableError
from agnodb.migrations.head import HEAD

SERVER = PostgresFacts(
    version="PostgreSQL 18.4", number=180004, role="app", database="agents", encoding="UTF8", replica=False,
    read_only=False, same_host=True, encrypted=False, pooler=Pooler.NONE, pooler_in_url=None, max_connections=100,
    connections=3, extensions={"vector": "0.8.5"},
    rights=Rights(
        schema_exists=True, use_schema=True, create_in_schema=True, create_schema=True,
        tables={"agno_sessions": TableRights(owned=True)},
    ),
)  # fmt: skip
FACTS = Facts(
    server=SERVER,
    schema=SchemaFacts(state=SchemaState.CURRENT, revision=HEAD),
    latency=Latency(connect_ms=9.0, round_trip_ms=0.4),
)
COMMANDS = Commands(Layout("ai"))


def found(facts: Facts = FACTS, commands: Commands = COMMANDS, **server: Any) -> dict[str, Finding]:
    return {f.check: f for f in findings_of(replace(facts, server=replace(facts.server, **server)), commands)}


ON_MONGO = replace(
    FACTS,
    server=MongoFacts(
        version="8.0.4", users=("app@admin",), deployment="replica set", writable=True,
        connections=3, max_connections=100,
    ),
)  # fmt: skip


def test_all_is_well() -> None:
    assert {finding.severity for finding in found().values()} == {Severity.OK}


@pytest.mark.parametrize(
    ("server", "check", "severity", "mend"),
    [
        ({"number": 130020}, "server", "error", "PostgreSQL 14"),
        ({"replica": True}, "server", "error", "primary"),
        ({"encoding": "LATIN1"}, "server", "error", "ENCODING 'UTF8'"),
        ({"same_host": False}, "encryption", "note", "sslmode=require"),
        ({"same_host": False, "encrypted": True}, "encryption", "ok", None),
        ({"connections": 95}, "connections", "warning", "pool_size=2"),
        ({"connections": 100}, "connections", "warning", "pool_size=1"),
        ({"connections": 95, "pooler": Pooler.TRANSACTION}, "connections", "ok", None),
        ({"pooler": Pooler.SESSION}, "pooler", "ok", None),
        ({"pooler": Pooler.TRANSACTION}, "pooler", "error", "pgbouncer=true"),
        ({"pooler": Pooler.TRANSACTION, "pooler_in_url": "pgbouncer=true"}, "pooler", "ok", None),
        ({"extensions": {}}, "extensions", "note", "Install pgvector"),
    ],
)
def test_one_thing_is_not(server: dict[str, Any], check: str, severity: str, mend: str | None) -> None:
    finding = found(**server)[check]
    assert finding.severity == severity
    assert (finding.mend is None) if mend is None else (mend in str(finding.mend))


def test_a_far_server_is_a_note() -> None:
    far = replace(FACTS, latency=Latency(connect_ms=300.0, round_trip_ms=80.0))
    assert found(far)["latency"].severity == Severity.NOTE
    assert "latency" not in found()


@pytest.mark.parametrize("state", list(SchemaState))
def test_every_state_of_a_schema_says_what_to_do(state: SchemaState) -> None:
    facts = replace(FACTS, schema=SchemaFacts(state=state, revision="0001", differences=("modify_type x",)))
    finding = found(facts)["schema"]
    assert finding.needs_action == (state not in (SchemaState.CURRENT, SchemaState.NEWER))
    assert (finding.mend is None) == (state in (SchemaState.CURRENT, SchemaState.UNREADABLE))


def test_past_a_pooler_that_the_url_knows_the_way_around() -> None:
    facts = replace(FACTS, schema=SchemaFacts(state=SchemaState.NONE))
    past = Commands(Layout("ai"), "postgresql://h-pooler.neon.tech/x", "postgresql://h.neon.tech/x")
    assert found(facts, past, pooler=Pooler.TRANSACTION)["schema"].mend == (
        "agnodb upgrade --url postgresql://h.neon.tech/x"
    )


def test_an_old_sqlite_and_a_folder_that_is_closed() -> None:
    old = Facts(server=SqliteFacts(version=(3, 31, 0)), schema=FACTS.schema)
    assert {f.check: f.severity for f in findings_of(old, COMMANDS)}["server"] == Severity.ERROR
    absent = SqliteFacts(version=(3, 40, 1), exists=False, folder_writable=False)
    closed = Facts(server=absent, schema=SchemaFacts(state=SchemaState.NONE))
    assert {f.check: f.severity for f in findings_of(closed, COMMANDS)}["file"] == Severity.ERROR


def test_no_connection_has_a_mend_for_its_reason() -> None:
    missing = no_connection(MissingDriverError(extra="postgres", driver="asyncpg"))
    assert missing.mend == "pip install 'agnodb[postgres]'"
    assert "max_connections" in str(no_connection(UnavailableError(sqlstate="53300")).mend)
    assert no_connection(UnavailableError(sqlstate="XX000")).mend is None


def test_names_are_quoted_where_sql_needs_it() -> None:
    assert [quoted(name) for name in ("ai", "My-Schema", 'a"b', "user")] == ["ai", '"My-Schema"', '"a""b"', '"user"']


@pytest.mark.parametrize(
    ("server", "check", "severity", "mend"),
    [
        ({}, "server", "ok", None),
        ({"version": "4.4.29"}, "server", "error", "5.0"),
        ({"deployment": "standalone"}, "transactions", "note", "--replSet"),
        ({"writable": False}, "writing", "error", "directConnection"),
        ({"connections": 95}, "connections", "warning", "maxPoolSize"),
    ],
)
def test_a_server_of_mongodb(server: dict[str, Any], check: str, severity: str, mend: str | None) -> None:
    finding = found(ON_MONGO, **server)[check]
    assert finding.severity == severity
    assert finding.mend is None if mend is None else mend in str(finding.mend)


def test_a_server_that_does_not_tell_its_connections() -> None:
    assert "connections" not in found(ON_MONGO, connections=None, max_connections=None)


def test_an_index_that_is_not_unique_has_to_go_first() -> None:
    schema = SchemaFacts(state=SchemaState.DRIFTED, differences=("agno_runs: the index on run_id is not unique",))
    assert str(found(replace(ON_MONGO, schema=schema))["schema"].mend).startswith("Drop each index")
