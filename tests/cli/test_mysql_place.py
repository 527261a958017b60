"""`upgrade`, `check`, `doctor` and `inspect` on MariaDB."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from agnodb.cli import app
from agnodb.testing.mariadb import MySQLAccess


@pytest.fixture
def place(mysql_server: MySQLAccess) -> Iterator[list[str]]:
    """Options that name a database which does not exist yet."""
    name = f"agnodb_cli_{uuid.uuid4().hex[:8]}"
    yield ["--url", mysql_server.url, "--schema", name]
    mysql_server.drop_database(name)


def run(command: str, place: list[str], *further: str) -> Result:
    return CliRunner().invoke(app, [*command.split(), *place, *further])


def test_from_nothing_to_head(place: list[str]) -> None:
    before = run("doctor", place)
    assert (before.exit_code, "There are no tables yet." in before.output) == (1, True)
    assert run("check", place).exit_code == 1
    assert run("upgrade", place).exit_code == 0
    assert run("check", place).exit_code == 0
    doctor = json.loads(run("doctor", place, "--json").output)
    assert doctor["exit_code"] == 0, doctor["findings"]
    assert doctor["facts"]["server"]["max_allowed_packet"] >= 2**24
    tables = {t["concept"]: t for t in json.loads(run("inspect", place, "--json").output)["tables"]}
    assert tables["schema_versions"]["rows"] == 12
    assert tables["sessions"]["exists"]
    assert tables["sessions"]["bytes"] > 0
    assert "ENGINE=InnoDB" in run("sql", place).output
