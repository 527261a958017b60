"""`upgrade`, `current`, `check`, `doctor` and `inspect` on MongoDB, and its first boot with many processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from command_line import Examination, run, says
from pymongo import MongoClient

from agnodb import MongoDb, clock
from agnodb.errors import SchemaOutdatedError, UnavailableError
from agnodb.mongo.schema import HEAD, STEPS
from agnodb.testing.conformance.sessions import a_session

PROCESSES = 16
BOOT = """
import sys
from agnodb import MongoDb, clock
from agnodb.testing.conformance.sessions import a_session
with MongoDb(db_url=sys.argv[1], db_name=sys.argv[2]) as db:
    db.sessions.upsert(a_session(sys.argv[3]))
"""


@pytest.fixture
def name(mongodb_server: str) -> Iterator[str]:
    """A database that does not exist yet."""
    name = f"agnodb_cli_{uuid.uuid4().hex[:8]}"
    yield name
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        client.drop_database(name)


def test_from_nothing_to_head(mongodb_server: str, name: str) -> None:
    place = ["--url", mongodb_server, "--schema", name]
    assert says("current", *place) == "none\n"
    assert run("check", *place).exit_code == 1
    assert says("upgrade", *place) == f"{HEAD} (head)\n"
    assert says("upgrade", *place) == f"{HEAD} (head)\n"
    assert says("check", *place) == f"{HEAD} (head), nothing differs\n"
    with MongoDb(db_url=mongodb_server, db_name=name, create_schema=False) as db:
        db.sessions.upsert(a_session(created_at=86400))
    told = json.loads(says("inspect", *place, "--json"))
    assert told["database"] == name
    tables = {table["concept"]: table for table in told["tables"]}
    assert tables["sessions"]["rows"] == 1
    assert tables["sessions"]["oldest"].startswith("1970-01-02")
    assert tables["sessions"]["bytes"] > 0
    assert "agno_sessions" in says("inspect", *place)


def test_what_is_missing_is_told_and_made(mongodb_server: str, name: str) -> None:
    place = ["--url", mongodb_server, "--schema", name, "--table", "session_table=chats"]
    says("upgrade", *place)
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        client[name]["chats"].drop_index("session_id_1")
        client[name]["agnodb_version"].update_many({}, {"$set": {"revision": "m001"}})
    checked = run("check", *place)
    assert checked.exit_code == 1
    assert f"at m001, head is {HEAD}" in checked.output
    assert "chats: no index on session_id" in checked.output
    with MongoDb(db_url=mongodb_server, db_name=name, session_collection="chats") as db:
        with pytest.raises(SchemaOutdatedError) as raised:
            db.sessions.get("s")
        command = str(raised.value.facts["command"]) if "command" in raised.value.facts else str(raised.value)
        assert f"--schema {name}" in command
        db.create_tables()
    assert run("check", *place).exit_code == 0


def test_doctor_names_the_command_that_mends(mongodb_server: str, name: str) -> None:
    place = ["--url", mongodb_server, "--schema", name, "--table", "session_table=chats"]
    first = Examination(*place)
    assert (first.exit_code, first.document["facts"]["schema"]["state"]) == (1, "none")
    assert first["server"]["message"].startswith("MongoDB ")
    assert f"--schema {name} --table session_table=chats" in first["schema"]["mend"]
    first.mend(mongodb_server)
    second = Examination(*place)
    assert (second.exit_code, second["schema"]["message"]) == (0, f"at {HEAD} (head), nothing differs")
    assert 0 < second.document["facts"]["latency"]["round_trip_ms"] < 1000
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        client[name]["chats"].drop_index("session_type_1")
        drifted = Examination(*place)
        assert "chats: no index on session_type" in drifted["schema"]["message"]
        drifted.mend(mongodb_server)
        assert Examination(*place).exit_code == 0
        for revision, state, code in (("m001", "behind", 1), ("m999", "newer", 0)):
            client[name]["agnodb_version"].update_many({}, {"$set": {"revision": revision}})
            examined = Examination(*place)
            assert (examined.document["facts"]["schema"]["state"], examined.exit_code) == (state, code)
            assert revision in examined["schema"]["message"]
        client[name]["agnodb_version"].delete_many({})
        assert Examination(*place).document["facts"]["schema"]["state"] == "agno"


def test_doctor_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agnodb.cli.mongo.CONNECT_SECONDS", 0.1)
    examined = Examination("--url", "mongodb://u:s3cr3t@127.0.0.1:1")
    assert (examined.exit_code, examined["connection"]["severity"]) == (2, "error")
    assert "s3cr3t" not in examined.text


def test_other_commands_say_that_they_are_not_for_it(mongodb_server: str) -> None:
    for command in (("sql",), ("downgrade", "base")):
        told = run(*command, "--url", mongodb_server)
        assert told.exit_code == 2
        assert "upgrade, current, check, doctor, inspect" in told.output


def test_no_server_is_an_error_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agnodb.cli.mongo.CONNECT_SECONDS", 0.1)
    told = run("current", "--url", "mongodb://u:s3cr3t@127.0.0.1:1")
    assert told.exit_code == 2
    assert "s3cr3t" not in told.output


def test_who_upgrades_waits_for_another_no_longer_than_that_lives(mongodb_server: str, name: str) -> None:
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        versions = client[name]["agnodb_version"]
        versions.insert_one({"_id": "lock of default", "owner": "other", "until": clock.now() + 60})
        with MongoDb(db_url=mongodb_server, db_name=name) as db:
            db._core._executor._retry_timeout = 0.1
            with pytest.raises(UnavailableError):
                db.sessions.get("s")
            versions.update_one({"_id": "lock of default"}, {"$set": {"until": clock.now() - 1}})
            assert db.sessions.get("s") is None
        assert versions.find_one({"_id": "lock of default"}) is None


def test_many_processes_boot_at_once(mongodb_server: str, name: str) -> None:
    command = [sys.executable, "-c", BOOT, mongodb_server, name]
    started = [subprocess.Popen([*command, f"s{number}"]) for number in range(PROCESSES)]
    assert [process.wait(120) for process in started] == [0] * PROCESSES
    with MongoClient[dict[str, Any]](mongodb_server) as client:
        assert client[name]["agno_sessions"].count_documents({}) == PROCESSES
        assert client[name]["agnodb_version"].count_documents({}) == 1
        assert client[name]["agno_schema_versions"].count_documents({}) == 13
    assert STEPS[-1][0] in says("check", "--url", mongodb_server, "--schema", name)
