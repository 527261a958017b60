"""What a driver is told when it connects: a URL and the constructor's arguments, in the words of that driver.

All of it is said once per connection, in the startup message or to the driver itself, so that no call has a round
trip more. Plain functions: the executors and the command line connect with what comes out of here.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal
from urllib.parse import urlencode

from sqlalchemy import URL

from agnodb.errors import ConfigurationError
from agnodb.mysql_drivers import AIOMYSQL, PYMYSQL, SINGLESTORE_AIOMYSQL, SINGLESTORE_PYMYSQL
from agnodb.urls import pooler_of, unknown_parameter

Pooler = Literal["transaction", "none"]

POOL_SIZE = 15
"""Connections of an engine. Those beyond a pool's size are closed when they come back, and each new one prepares its
statements again: at 16 callers a pool of 5 with 10 more gave half the calls a second of one of 15."""
POOL_TIMEOUT = CONNECT_TIMEOUT = 30.0
APPLICATION_NAME = "agnodb"
KEEPALIVES, KEEPALIVES_INTERVAL, KEEPALIVES_COUNT = 30.0, 10, 3

# asyncpg reads these by itself, where they stand in a DSN.
_ASYNCPG_READS = """
    gsslib krbsrvname passfile service ssl_max_protocol_version ssl_min_protocol_version sslcert sslcrl sslkey sslmode
    sslpassword sslrootcert target_session_attrs
""".split()  # noqa: SIM905
# What asyncpg does anyway (UTF-8, SNI, no compression, no GSS encryption), or cannot do and everybody's URL asks for.
_ASYNCPG_LEAVES_OUT = """
    channel_binding client_encoding fallback_application_name gssencmode keepalives keepalives_count keepalives_idle
    keepalives_interval sslcompression sslsni
""".split()  # noqa: SIM905


@dataclass(frozen=True, kw_only=True, slots=True)
class Connecting:
    """How connections are made and kept: the arguments of a database's constructor, None where none was given.

    Times are seconds. Raises ConfigurationError for a value that cannot be.
    """

    pooler: Pooler | None = None
    """``transaction``: a pooler hands each transaction another server connection; ``none``: none does, whatever the
    URL looks like; None: as the URL says (`agnodb.urls.pooler_of`)."""
    pool_size: int | None = None
    pool_timeout: float | None = None
    connect_timeout: float | None = None
    statement_timeout: float | None = None
    lock_timeout: float | None = None
    application_name: str | None = None
    keepalives: float | None = None
    """Silence after which the network is probed; 0: never."""
    retry_timeout: float | None = None
    """How long a call that failed may be made again; 0: never."""

    def __post_init__(self) -> None:
        if self.pooler not in (None, "transaction", "none"):
            raise ConfigurationError("pooler is 'transaction', 'none', or left out.")
        if self.pool_size is not None and not (isinstance(self.pool_size, int) and self.pool_size > 0):
            raise ConfigurationError("pool_size is a number of connections: 1 or more.")
        for name in self.names():
            if name != "keepalives" and not name.endswith("_timeout"):
                continue
            value, least = getattr(self, name), 0 if name in ("keepalives", "retry_timeout") else 0.001
            if value is not None and not (isinstance(value, int | float) and least <= value <= 2_000_000):
                raise ConfigurationError(f"{name} is a number of seconds.")

    def given(self) -> dict[str, Any]:
        """The arguments that were given."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the arguments."""
        return tuple(f.name for f in fields(cls))

    def pooled(self, url: URL) -> bool:
        """Whether a pooler in transaction mode is behind `url`."""
        return self.pooler == "transaction" or (self.pooler is None and pooler_of(url) is not None)

    def timeouts(self) -> dict[str, str]:
        """The server's settings for them, in milliseconds."""
        chosen = {"statement_timeout": self.statement_timeout, "lock_timeout": self.lock_timeout}
        return {name: str(math.ceil(value * 1000)) for name, value in chosen.items() if value is not None}


NOTHING_GIVEN = Connecting()


def connect_arguments(url: URL, how: Connecting = NOTHING_GIVEN) -> tuple[URL, dict[str, Any]]:
    """The URL for an engine of SQLAlchemy and its `connect_args`. `url` is as `agnodb.urls.async_url` makes it.

    An argument of `how` goes before the parameter of the same name in `url`. Through a pooler in transaction mode
    statements have no names: the next may run on another server connection, which knows none of them. Raises
    ConfigurationError for a parameter that the driver cannot honour, and for a timeout that such a pooler cannot.
    """
    if url.get_backend_name() == "sqlite":
        return url, {}
    if url.get_backend_name() == "mysql":
        driver = PYMYSQL if url.get_driver_name() == "pymysql" else AIOMYSQL
        return url.set(drivername=driver, query={}), _mysql(dict(url.query), how)
    if url.get_backend_name() == "singlestore":
        driver = SINGLESTORE_PYMYSQL if url.get_driver_name() == "pymysql" else SINGLESTORE_AIOMYSQL
        return url.set(drivername=driver, query={}), _singlestore(dict(url.query), how)
    query = {name: str(value) for name, value in url.query.items()}
    place: dict[str, str] = {name: query.pop(name) for name in ("host", "port") if name in query}
    query.pop("pgbouncer", None)
    pooled = how.pooled(url)
    if pooled and (timeouts := how.timeouts()):
        name = next(iter(timeouts))
        raise ConfigurationError(
            f"Through a pooler in transaction mode {name} must be a setting of the database user. Leave it out here,"
            f" and run: ALTER ROLE ... SET {name} = {timeouts[name]}"
        )
    words = _asyncpg if url.get_driver_name() == "asyncpg" else _psycopg
    return url.set(query=place), words(query, how, pooled)


def keepalive_seconds(url: URL, how: Connecting = NOTHING_GIVEN) -> tuple[int, int, int] | None:
    """Seconds before the first probe of a silent connection, seconds between probes, and their number; None: none."""
    query = url.query
    idle = how.keepalives if how.keepalives is not None else _number(query.get("keepalives_idle"), KEEPALIVES)
    if idle == 0 or (how.keepalives is None and query.get("keepalives") == "0"):
        return None
    interval = _number(query.get("keepalives_interval"), KEEPALIVES_INTERVAL)
    return math.ceil(idle), int(interval), int(_number(query.get("keepalives_count"), KEEPALIVES_COUNT))


def _asyncpg(query: dict[str, str], how: Connecting, pooled: bool) -> dict[str, Any]:
    settings = {"application_name": _application_name(query, how), **how.timeouts()}
    if "options" in query:
        settings["options"] = query.pop("options")
    timeout = _connect_timeout(query, how)
    for name in _ASYNCPG_LEAVES_OUT:
        if name == "gssencmode" and query.get(name) == "require":
            raise unknown_parameter(name, "asyncpg")
        query.pop(name, None)
    read = {name: query.pop(name) for name in _ASYNCPG_READS if name in query}
    if query:
        raise unknown_parameter(next(iter(query)), "asyncpg")
    arguments: dict[str, Any] = {"timeout": timeout, "server_settings": settings}
    if read:
        arguments["dsn"] = f"postgresql://?{urlencode(read)}"
    if pooled:
        arguments |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": _no_name,
        }
    return arguments


def _psycopg(query: dict[str, str], how: Connecting, pooled: bool) -> dict[str, Any]:
    arguments: dict[str, Any] = {**query, "application_name": _application_name(query, how)}
    timeout = _connect_timeout(query, how)
    arguments["connect_timeout"] = 0 if timeout is None else max(2, math.ceil(timeout))  # libpq knows no 1
    if timeouts := how.timeouts():
        said = [query["options"]] if "options" in query else []
        arguments["options"] = " ".join([*said, *(f"-c {name}={value}" for name, value in timeouts.items())])
    probes = keepalive_seconds(URL.create("postgresql", query=query), how)
    if probes is None:
        arguments["keepalives"] = 0
    else:
        names = ("keepalives_idle", "keepalives_interval", "keepalives_count")
        arguments |= {"keepalives": 1, **dict(zip(names, probes, strict=True))}
    if pooled:
        arguments["prepare_threshold"] = None
    return arguments


# pymysql.constants.CLIENT: a row that an UPDATE leaves as it was counts; several statements may travel together.
_FOUND_ROWS, _MULTI_STATEMENTS = 1 << 1, 1 << 16


def _mysql(query: dict[str, Any], how: Connecting) -> dict[str, Any]:
    """The words of PyMySQL and aiomysql.

    Each connection commits by itself (see `agnodb.mysql_drivers`), and refuses a value that does not fit. A transaction
    reads what is committed, as PostgreSQL's does, or racing inserts would lock each other's gaps. Only MariaDB reads
    the comments that begin with M!, only MySQL the others.
    """
    said = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"
    said += " /*M! , tx_isolation = 'READ-COMMITTED' */ /*!50720 , transaction_isolation = 'READ-COMMITTED' */"
    if how.lock_timeout is not None:
        said += f", innodb_lock_wait_timeout = {math.ceil(how.lock_timeout)}"
    if how.statement_timeout is not None:
        said += f" /*M! , max_statement_time = {how.statement_timeout} */"
        said += f" /*!50708 , max_execution_time = {math.ceil(how.statement_timeout * 1000)} */"
    return {**_over_mysql(query, how), "init_command": said}


def _singlestore(query: dict[str, Any], how: Connecting) -> dict[str, Any]:
    """As `_mysql`: SingleStore is strict by itself, and knows one isolation level."""
    if how.statement_timeout is not None:
        raise ConfigurationError("SingleStore has no statement_timeout for a connection: use its resource pools.")
    if how.lock_timeout is None:
        return _over_mysql(query, how)
    said = f"SET SESSION lock_wait_timeout = {math.ceil(how.lock_timeout)}"
    return {**_over_mysql(query, how), "init_command": said}


def _over_mysql(query: dict[str, Any], how: Connecting) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "autocommit": True,
        "charset": "utf8mb4",
        "connect_timeout": math.ceil(_connect_timeout(query, how) or 31536000),
        "program_name": how.application_name or APPLICATION_NAME,
        "client_flag": _FOUND_ROWS | _MULTI_STATEMENTS,
    }
    if "unix_socket" in query:
        arguments["unix_socket"] = query["unix_socket"]
    context = _tls(query)
    if context is not None:
        arguments["ssl"] = context
    return arguments


def _tls(query: Mapping[str, Any]) -> ssl.SSLContext | None:
    mode = query.get("sslmode", "prefer")
    if mode in ("disable", "allow", "prefer"):
        return None
    context = ssl.create_default_context(cafile=query.get("sslrootcert"))
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_NONE if mode == "require" else ssl.CERT_REQUIRED
    if "sslcert" in query:
        context.load_cert_chain(query["sslcert"], query.get("sslkey"))
    return context


def _no_name() -> str:
    return ""


def _application_name(query: dict[str, str], how: Connecting) -> str:
    named = query.pop("application_name", None) or query.get("fallback_application_name") or APPLICATION_NAME
    return how.application_name or named


def _connect_timeout(query: dict[str, str], how: Connecting) -> float | None:
    said = _number(query.pop("connect_timeout", None), CONNECT_TIMEOUT)
    return how.connect_timeout or said or None  # 0 waits for ever


def _number(text: Any, default: float) -> float:
    try:
        return default if text is None else float(text)
    except ValueError:
        raise ConfigurationError("A number is needed for a time in the database URL, in seconds.") from None
