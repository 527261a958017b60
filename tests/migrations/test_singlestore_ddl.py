"""Every statement of the chain for SingleStore, as sqlglot reads it: no server of it could be had."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from agnodb.config import layout_from
from agnodb.migrations.runner import offline_sql

LAYOUT = layout_from({}, schema_default="ai")


@pytest.fixture(scope="module")
def script() -> str:
    return offline_sql("singlestore://u:p@h/x", LAYOUT)


def test_every_statement_is_understood(script: str) -> None:
    statements = sqlglot.parse(script, dialect="singlestore")
    assert len(statements) > 100
    assert [each.sql() for each in statements if each is None or isinstance(each, exp.Command)] == []


def test_every_table_has_its_key_as_the_shard_key_and_no_other_keys(script: str) -> None:
    tables = [part for part in script.split(";") if "CREATE TABLE" in part]
    assert len(tables) == len(LAYOUT.names.all()) + 1
    for table in tables:
        key = table.partition("PRIMARY KEY (")[2].partition(")")[0]
        assert key
        assert f"SHARD KEY ({key})" in table
    assert "FOREIGN KEY" not in script
    assert "UNIQUE" not in script


def test_what_is_listed_by_time_is_sorted_by_it(script: str) -> None:
    tables = [part for part in script.split(";") if "CREATE TABLE" in part]
    unsorted = {part.partition("ai.")[2].partition(" ")[0] for part in tables if "SORT KEY (" not in part}
    assert unsorted == {"agnodb_version", LAYOUT.names.own()["metric_changes"]}
