"""Where SQL databases differ: one class each, its methods named after the difference."""

from agnodb.sql.dialects.base import Dialect
from agnodb.sql.dialects.mysql import MySQLDialect
from agnodb.sql.dialects.postgresql import PostgresDialect
from agnodb.sql.dialects.singlestore import SingleStoreDialect
from agnodb.sql.dialects.sqlite import SqliteDialect

__all__ = ["Dialect", "MySQLDialect", "PostgresDialect", "SingleStoreDialect", "SqliteDialect"]
