"""The command line on URLs of SingleStore, over its dialect, on a MariaDB that has MySQL's tables."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy.dialects.mysql.base import MySQLDDLCompiler
from typer.testing import CliRunner, Result

from agnodb import MySQLDb, drivers
from agnodb.cli import app
from agnodb.mysql_drivers import SingleStoreDDL
from agnodb.testing.mariadb import MySQLAccess


@pytest.fixture
def place(mysql_server: MySQLAccess, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Options that name a database at head."""
    monkeypatch.setattr(drivers, "_singlestore", drivers._mysql)
    name = f"agnodb_cli_{uuid.uuid4().hex[:8]}"
    with MySQLDb(db_url=mysql_server.url, db_schema=name) as made:
        made.create_tables()
    yield ["--url", mysql_server.url.replace("mysql:", "singlestore:"), "--schema", name]
    mysql_server.drop_database(name)


def run(command: str, place: list[str], *further: str) -> Result:
    return CliRunner().invoke(app, [*command.split(), *place, *further])


def test_at_head(place: list[str]) -> None:
    checked = run("check", place)
    assert checked.exit_code == 0, checked.output
    with pytest.MonkeyPatch.context() as patch:  # MariaDB knows no shard keys, which the table of its lock would have
        patch.setattr(SingleStoreDDL, "create_table_constraints", MySQLDDLCompiler.create_table_constraints)
        assert run("upgrade", place).exit_code == 0
    assert run("current", place).exit_code == 0
    tables = {t["concept"]: t for t in json.loads(run("inspect", place, "--json").output)["tables"]}
    assert (tables["schema_versions"]["rows"], tables["sessions"]["exists"]) == (12, True)
    assert "SHARD KEY (session_id)" in run("sql", place).output
