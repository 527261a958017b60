"""Connections of MySQL that commit by themselves, so that a call is its own statements and nothing else.

SQLAlchemy's own would say SET AUTOCOMMIT before and after each call, and ROLLBACK when a connection comes back. Here
a connection is in autocommit from its beginning, a transaction begins with BEGIN, and only one that is open is ended.
No driver is imported before an engine is made.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mysql.aiomysql import MySQLDialect_aiomysql
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql

AIOMYSQL, PYMYSQL = "mysql+agnodb_aiomysql", "mysql+agnodb_pymysql"

_IN_TRANSACTION = 1  # SERVER_STATUS_IN_TRANS, which comes with every answer
_ALONE = "agnodb_alone"


def _driver(connection: Any) -> Any:
    return getattr(connection, "driver_connection", None) or getattr(connection, "_connection", connection)


def _in_transaction(connection: Any) -> bool:
    status = getattr(_driver(connection), "server_status", None)
    return status is None or bool(status & _IN_TRANSACTION)


class _CommitsByItself:
    """What the dialects below say instead."""

    def do_begin(self, dbapi_connection: Any) -> None:
        if not getattr(_driver(dbapi_connection), _ALONE, False):
            cursor = dbapi_connection.cursor()
            cursor.execute("BEGIN")
            cursor.close()

    def do_rollback(self, dbapi_connection: Any) -> None:
        if _in_transaction(dbapi_connection):
            super().do_rollback(dbapi_connection)  # type: ignore[misc]

    def do_commit(self, dbapi_connection: Any) -> None:
        if _in_transaction(dbapi_connection):
            super().do_commit(dbapi_connection)  # type: ignore[misc]

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Nothing is sent: which level it is, was said when the connection opened."""
        setattr(_driver(dbapi_connection), _ALONE, level == "AUTOCOMMIT")

    def reset_isolation_level(self, dbapi_connection: Any) -> None:
        setattr(_driver(dbapi_connection), _ALONE, False)


class AioMySQLDialect(_CommitsByItself, MySQLDialect_aiomysql):
    """Over aiomysql."""

    supports_statement_cache = True


class PyMySQLDialect(_CommitsByItself, MySQLDialect_pymysql):
    """Over PyMySQL."""

    supports_statement_cache = True


registry.register("mysql.agnodb_aiomysql", __name__, "AioMySQLDialect")
registry.register("mysql.agnodb_pymysql", __name__, "PyMySQLDialect")
