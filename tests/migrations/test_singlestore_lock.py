"""One migrator at a time on SingleStore, by the lock of a row; MariaDB knows all of its statements."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from sqlalchemy.dialects.mysql.base import MySQLDDLCompiler

from agnodb import drivers
from agnodb.config import layout_from
from agnodb.drivers import connect_arguments
from agnodb.executors.engines import mysql_engine
from agnodb.migrations.locks import migrating
from agnodb.mysql_drivers import SingleStoreDDL
from agnodb.testing.mariadb import MySQLAccess
from agnodb.urls import async_url


async def test_they_wait_for_each_other(mysql_server: MySQLAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "_singlestore", drivers._mysql)
    monkeypatch.setattr(SingleStoreDDL, "create_table_constraints", MySQLDDLCompiler.create_table_constraints)
    schema = f"agnodb_test_{uuid.uuid4().hex[:12]}"
    url = async_url(mysql_server.url.replace("mysql:", "singlestore:"))
    assert connect_arguments(url)[0].get_backend_name() == "singlestore"
    engine, inside, most = mysql_engine(url), 0, 0

    async def migrate() -> None:
        nonlocal inside, most
        async with migrating(engine, layout_from({"schema": schema}, schema_default="ai")):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.05)
            inside -= 1

    try:
        await asyncio.gather(*(migrate() for _ in range(4)))
        assert (most, inside) == (1, 0)
    finally:
        await engine.dispose()
        mysql_server.drop_database(schema)
