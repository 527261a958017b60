"""Connections of MySQL that commit by themselves, so that a call is its own statements and nothing else.

SQLAlchemy's own would say SET AUTOCOMMIT before and after each call, and ROLLBACK when a connection comes back. Here
a connection is in autocommit from its beginning, a transaction begins with BEGIN, and only one that is open is ended.
No driver is imported before an engine is made.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mysql.aiomysql import MySQLDialect_aiomysql
from sqlalchemy.dialects.mysql.base import MySQLDDLCompiler
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql

from agnodb.errors import UnsupportedOperationError

AIOMYSQL, PYMYSQL = "mysql+agnodb_aiomysql", "mysql+agnodb_pymysql"
SINGLESTORE_AIOMYSQL, SINGLESTORE_PYMYSQL = "singlestore+agnodb_aiomysql", "singlestore+agnodb_pymysql"

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


class SingleStoreDDL(MySQLDDLCompiler):
    """Tables of SingleStore: sharded by their key, and sorted by time within a shard. They keep no foreign keys, and no
    unique ones but those that hold the shard key."""

    def create_table_constraints(self, table: Any, *arguments: Any, **kw: Any) -> str:
        names = table.c.keys()
        made = [super().create_table_constraints(table, *arguments, **kw)]  # type: ignore[no-untyped-call]
        shard = ", ".join(self.preparer.quote(column.name) for column in table.primary_key)
        made.append(f"SHARD KEY ({shard})")
        sorts = next((name for name in ("date", "day", "created_at") if name in names), None)
        if sorts is not None:
            made.append(f"SORT KEY ({self.preparer.quote(sorts)})")
        return ", \n\t".join(made)

    def visit_foreign_key_constraint(self, constraint: Any, **kw: Any) -> Any:
        return None

    def visit_unique_constraint(self, constraint: Any, **kw: Any) -> Any:
        return None


class _OfSingleStore(_CommitsByItself):
    """MySQL's protocol, and its SQL but for what is said here."""

    is_singlestore = True
    ddl_compiler: Any = SingleStoreDDL

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        return "READ COMMITTED"  # its only one

    def do_savepoint(self, connection: Any, name: str) -> None:
        """Nothing: there are none."""

    def do_release_savepoint(self, connection: Any, name: str) -> None:
        """Nothing: there are none."""

    def do_rollback_to_savepoint(self, connection: Any, name: str) -> None:
        """Without a savepoint all is undone: the server does so when the connection is gone, and nothing follows."""
        connection.invalidate()
        raise UnsupportedOperationError("SingleStore has no savepoints: the whole transaction is undone.")


class SingleStoreAioMySQLDialect(_OfSingleStore, MySQLDialect_aiomysql):
    """SingleStore over aiomysql."""

    supports_statement_cache = True


class SingleStorePyMySQLDialect(_OfSingleStore, MySQLDialect_pymysql):
    """SingleStore over PyMySQL."""

    supports_statement_cache = True


def is_singlestore(dialect: Any) -> bool:
    """Whether a SQLAlchemy dialect, by name one of MySQL, is for SingleStore."""
    return bool(getattr(dialect, "is_singlestore", False))


def for_singlestore(dialect: Any) -> None:
    """Tell a dialect of MySQL that a server of SingleStore is behind it."""
    dialect.is_singlestore, dialect.ddl_compiler = True, SingleStoreDDL


registry.register("singlestore", __name__, "SingleStorePyMySQLDialect")
registry.register("singlestore.agnodb_aiomysql", __name__, "SingleStoreAioMySQLDialect")
registry.register("singlestore.agnodb_pymysql", __name__, "SingleStorePyMySQLDialect")
registry.register("mysql.agnodb_aiomysql", __name__, "AioMySQLDialect")
registry.register("mysql.agnodb_pymysql", __name__, "PyMySQLDialect")
