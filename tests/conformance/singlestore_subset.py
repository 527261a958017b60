"""SingleStore's dialect on MariaDB: all that both understand, and MySQL's words where only SingleStore has others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from mysql_database import one_mysql_database
from sqlalchemy import select
from sqlalchemy.dialects.mysql.base import MySQLDDLCompiler

from agnodb import MySQLDb, drivers
from agnodb.databases import singlestore
from agnodb.databases.servers import ServerKind
from agnodb.mysql_drivers import SingleStoreDDL, SingleStorePyMySQLDialect, _OfSingleStore
from agnodb.sql.dialects import MySQLDialect, SingleStoreDialect
from agnodb.testing.mariadb import MySQLAccess

_JSON = ("json_text", "json_as_text", "json_set", "json_array_has_all", "json_elements", "json_object_at")


class CommonDialect(SingleStoreDialect):
    """The plans of SingleStore, and the JSON functions of MySQL. SingleStore's own are compiled all the same."""


def _in_both(name: str) -> Callable[..., Any]:
    own, common = getattr(SingleStoreDialect, name), getattr(MySQLDialect, name)

    def said(self: CommonDialect, *arguments: Any) -> Any:
        made = own(self, *arguments)
        source, value = made if isinstance(made, tuple) else (None, made)
        chosen = select(value) if source is None else select(value).select_from(source)
        chosen.compile(dialect=SingleStorePyMySQLDialect())
        return common(self, *arguments)

    return said


for _name in _JSON:
    setattr(CommonDialect, _name, _in_both(_name))


@contextmanager
def on_mariadb() -> Iterator[None]:
    """SingleStore's databases for as long as the block runs: in MySQL's isolation, by `CommonDialect`."""
    kind = singlestore._SINGLESTORE
    common = ServerKind(kind.name, kind.example, kind.backends, kind.blocking, CommonDialect)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drivers, "_singlestore", drivers._mysql)
        patch.setattr(singlestore, "_SINGLESTORE", common)
        # Tables of the tests' own have no shard keys there, and a savepoint is one.
        patch.setattr(SingleStoreDDL, "create_table_constraints", MySQLDDLCompiler.create_table_constraints)
        for name in ("do_savepoint", "do_release_savepoint", "do_rollback_to_savepoint"):
            patch.delattr(_OfSingleStore, name)
        yield


@contextmanager
def database_without_keys(server: MySQLAccess) -> Iterator[str]:
    """The name of a database with our tables, without the foreign and the unique keys that SingleStore cannot have."""
    with one_mysql_database(server) as name:
        with MySQLDb(db_url=server.url, db_schema=name) as database:
            for table in database.metadata.sorted_tables:
                server.run(*_without_keys(server, table), "SELECT 1")
        yield name


def _without_keys(server: MySQLAccess, table: Any) -> list[str]:
    place = f"WHERE table_schema = '{table.schema}' AND table_name = '{table.name}'"
    foreign = server.run(
        f"SELECT constraint_name FROM information_schema.table_constraints {place} AND constraint_type = 'FOREIGN KEY'"
    )
    unique = server.run(
        f"SELECT DISTINCT index_name FROM information_schema.statistics {place} AND non_unique = 0"
        " AND index_name <> 'PRIMARY'"
    )
    drops = [f"DROP FOREIGN KEY {name}" for (name,) in foreign] + [f"DROP INDEX {name}" for (name,) in unique]
    return [f"ALTER TABLE {table.schema}.{table.name} {drop}" for drop in drops]
