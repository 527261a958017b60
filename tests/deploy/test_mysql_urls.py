"""URLs of MySQL as providers write them, and what the driver is told."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import sqlalchemy as sa

from agnodb import AsyncMySQLDb, UnavailableError
from agnodb.drivers import Connecting, connect_arguments
from agnodb.errors import ConfigurationError
from agnodb.testing.mariadb import MySQLAccess
from agnodb.urls import async_url

HOST = "mysql://u:p%40ss@h.example:3307/db"


def context(url: str) -> ssl.SSLContext | None:
    made: ssl.SSLContext | None = connect_arguments(async_url(url))[1].get("ssl")
    return made


@pytest.mark.parametrize("scheme", ["mysql", "mysql+asyncmy", "mysql+aiomysql", "mysql+pymysql", "mariadb"])
def test_every_scheme_leads_to_our_driver(scheme: str) -> None:
    url = async_url(f"{scheme}://u:p%40ss@h.example:3307/db?charset=utf8mb4")
    assert (url.drivername, url.password, url.port, url.database) == ("mysql+aiomysql", "p@ss", 3307, "db")


@pytest.mark.parametrize("query", ["", "?ssl=false", "?ssl-mode=DISABLED", "?sslmode=prefer", "?tls=false"])
def test_without_tls(query: str) -> None:
    assert context(HOST + query) is None


@pytest.mark.parametrize(
    ("query", "verifies", "checks_the_name"),
    [
        ("?ssl-mode=REQUIRED", False, False),  # Aiven, Railway
        ("?sslMode=REQUIRED", False, False),
        ("?ssl=true", False, False),
        ('?ssl={"rejectUnauthorized":true}', True, True),  # PlanetScale, as mysql2 takes it
        ("?ssl=%7B%22rejectUnauthorized%22%3Afalse%7D", False, False),
        ("?sslaccept=strict", True, True),  # PlanetScale, as Prisma takes it
        ("?sslaccept=accept_invalid_certs", False, False),
        ("?tls=true", True, True),  # Go
        ("?tls=skip-verify", False, False),
        ("?ssl_verify_cert=true", True, False),
        ("?ssl_verify_cert=true&ssl_verify_identity=true", True, True),
        ("?ssl-mode=VERIFY_IDENTITY", True, True),
        ("?sslmode=verify-full", True, True),
    ],
)
def test_tls_in_every_providers_words(query: str, verifies: bool, checks_the_name: bool) -> None:
    made = context(HOST + query)
    assert made is not None
    assert (made.verify_mode == ssl.CERT_REQUIRED, made.check_hostname) == (verifies, checks_the_name)


@pytest.mark.parametrize("query", ["?ssl=maybe", "?sslmode=yes", "?sslmod=require", "?pool_size=3"])
def test_what_nothing_knows_is_refused(query: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        connect_arguments(async_url(HOST + query))
    assert "p@ss" not in str(raised.value)


def test_limits_are_said_when_a_connection_opens() -> None:
    how = Connecting(lock_timeout=1.5, statement_timeout=2.5, connect_timeout=3, application_name="app")
    arguments: dict[str, Any] = connect_arguments(async_url(HOST), how)[1]
    assert "innodb_lock_wait_timeout = 2" in arguments["init_command"]
    assert "max_statement_time = 2.5" in arguments["init_command"]
    assert "max_execution_time = 2500" in arguments["init_command"]
    assert (arguments["connect_timeout"], arguments["program_name"]) == (3, "app")


async def test_the_server_keeps_them(mysql_server: MySQLAccess) -> None:
    async with AsyncMySQLDb(db_url=mysql_server.url, lock_timeout=1, statement_timeout=0.2) as db:
        async with db.db_engine.connect() as connection:
            told = "SELECT @@max_statement_time, @@innodb_lock_wait_timeout, @@tx_isolation, @@sql_mode, @@autocommit"
            time, lock, isolation, mode, alone = (await connection.exec_driver_sql(told)).one()
        assert (float(time), lock, isolation, alone) == (0.2, 1, "READ-COMMITTED", 1)
        assert "STRICT_ALL_TABLES" in mode
        with pytest.raises(UnavailableError) as raised:
            await db._executor.inspected(lambda connection: connection.execute(sa.text("SELECT SLEEP(2) FROM DUAL")))
        assert raised.value.facts["errno"] == 1969
