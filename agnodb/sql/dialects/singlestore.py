"""SingleStore: MySQL's protocol and most of its SQL, over sharded tables.

No server of it has run what is written here: docs/architecture.md says what was run instead. Only keys that hold the
shard key are kept by it: see `agnodb.sql.dialects.keys`. It has no SKIP LOCKED, and JSON functions of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Delete,
    Executable,
    Insert,
    Table,
    Text,
    Update,
    bindparam,
    case,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    true,
    type_coerce,
)
from sqlalchemy import column as sql_column

from agnodb.sql.dialects.keys import (
    ChangedOnce,
    Claimed,
    Deleted,
    InsertedOnce,
    InsertedUnder,
    Placed,
    chooses,
    referring,
    unique_columns,
    values_of,
)
from agnodb.sql.dialects.mysql import PLAN, MySQLDialect
from agnodb.sql.dialects.steps import as_values
from agnodb.sql.executor import Steps


def as_constants(table: Table, values: Mapping[str, ColumnElement[Any]]) -> Insert:
    """INSERT of a row: its VALUES take constants only, so what is computed is selected."""
    if all(isinstance(value, BindParameter) for value in values.values()):
        return as_values(table, values)
    return insert(table).from_select(list(values), select(*values.values()))


class SingleStoreDialect(MySQLDialect):
    """SingleStore 8.0 and later."""

    at_once = answers_stored = False  # whether it counts them is not known
    inserted = staticmethod(as_constants)
    dates_writes = False  # whether it keeps such a column by itself could not be tried

    def prepared(self, statement: Executable) -> Executable | Steps:
        if PLAN in statement.get_execution_options():
            return super().prepared(statement)
        if isinstance(statement, Delete) and referring(statement.table):
            return Steps(Deleted(statement).run)
        if isinstance(statement, (Insert, Update)):
            table: Any = statement.table
            if not values_of(statement).keys().isdisjoint(unique_columns(table)):
                alone, once = self.one_at_a_time(table), InsertedOnce if isinstance(statement, Insert) else ChangedOnce
                return Steps(once(statement, alone).run)
            if isinstance(statement, Insert) and table.foreign_keys and values_of(statement):
                return Steps(InsertedUnder(statement).run)
        if isinstance(statement, Update) and statement._returning and chooses(statement):
            return Steps(Claimed(statement).run)
        return super().prepared(statement)

    # -- JSON -------------------------------------------------------------------------------------------------

    def json_text(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        return _text_at(type_coerce(document, Text), literal(key, Text()))

    def json_as_text(self, document: ColumnElement[Any]) -> ColumnElement[Any]:
        # What is extracted as text has no quotes and escapes, and is extracted from something.
        return _text_at(func.concat("[", type_coerce(document, Text), "]"), literal_column("0"))

    def json_set(self, document: ColumnElement[Any], key: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
        text = type_coerce(document, Text)
        whole = case((_kind(text) == "object", text), else_=literal_column("'{}'"))
        return func.json_set_json(whole, literal(key, Text()), value)

    def json_array_has_all(self, document: Column[Any], name: str) -> ColumnElement[bool]:
        text, wanted = type_coerce(document, Text), func.json_to_array(bindparam(name, type_=Text()))
        has = func.json_array_contains_json(text, func.reduce_value())
        return (_kind(text) == "array") & (func.reduce(literal_column("1"), wanted, func.reduce_acc() * has) == 1)

    def json_elements(self, table: Table, column: Column[Any]) -> tuple[Any, ColumnElement[Any]]:
        text = type_coerce(column, Text)
        array = case((_kind(text) == "array", text), else_=literal_column("'[]'"))
        elements = func.table(func.json_to_array(array)).table_valued(sql_column("table_col", Text), name="elements")
        return table.join(elements, true()), elements.c.table_col

    def json_object_at(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        found = func.json_extract_json(type_coerce(document, Text), literal(key, Text()))
        return case((_kind(found) == "object", found))

    # -- texts ------------------------------------------------------------------------------------------------

    def text_match(self, value: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        # The backslash escapes there without a word, and ESCAPE is no word of its LIKE.
        return func.lower(value).like(func.lower(bindparam(name, type_=Text())))

    # -- writes -----------------------------------------------------------------------------------------------

    def put_rows(
        self, columns: Iterable[Column[Any]], name: str, key: Iterable[str] = (), keep: Iterable[str] = ()
    ) -> Insert:
        columns, key = list(columns), list(key)
        table: Any = columns[0].table
        if not key or set(key) == {column.name for column in table.primary_key}:
            return super().put_rows(columns, name, key, keep)
        plan = Placed(table, [c.name for c in columns], name, key, list(keep))
        return insert(table).execution_options(**{PLAN: plan})

    def claim_one(self, table: Table, due: ColumnElement[bool], order_by: ColumnElement[Any]) -> ColumnElement[Any]:
        return select(table.c.id).where(due).order_by(order_by, table.c.id).limit(1).scalar_subquery()


def _kind(document: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.json_get_type(document)


def _text_at(document: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
    """The JSON value at `place` as text, NULL for JSON null."""
    missing = _kind(func.json_extract_json(document, place)) == "null"
    return case((missing, null()), else_=func.json_extract_string(document, place))
