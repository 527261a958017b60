"""MySQL 8.0 and later, MariaDB 10.6 and later: what both understand, in one dialect.

Neither has RETURNING for an UPDATE, MySQL for nothing at all: see `agnodb.sql.dialects.steps`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Delete,
    Executable,
    Insert,
    Select,
    String,
    Table,
    Text,
    Update,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.dml import ReturningInsert

from agnodb.models.base import WRITTEN_AT
from agnodb.sql.dialects.base import LIKE_ESCAPE, Dialect
from agnodb.sql.dialects.many_rows import Absent, Put
from agnodb.sql.dialects.steps import Changed, NumberedRun, Upsert, as_values, excluded, key_of
from agnodb.sql.executor import Steps
from agnodb.sql.ownership import may_write

_EPOCH_DAY = literal_column("719528", BigInteger)  # TO_DAYS('1970-01-01')
PLAN = "agnodb_plan"
_TYPES: Any = mysql.dialect()


class MySQLDialect(Dialect):
    """MySQL and MariaDB."""

    writes_nest = False
    at_once = True
    """Whether an UPDATE counts the rows that it leaves as they were (see `agnodb.sql.dialects.steps`)."""
    inserted = staticmethod(as_values)
    """How the row of an upsert is inserted."""
    dates_writes = True

    def longest(self, column: Column[Any]) -> int | None:
        return getattr(column.type.dialect_impl(_TYPES), "length", None)

    def prepared(self, statement: Executable) -> Executable | Steps:
        plan = statement.get_execution_options().get(PLAN)
        if plan is not None:
            return Steps(plan.ready(tuple(getattr(statement, "_returning", ()))).run)
        if isinstance(statement, Update):
            statement = statement.values(self._dated(statement.table))
        if isinstance(statement, (Update, Delete)) and statement._returning:
            return Steps(Changed(statement, at_once=self.at_once).run)
        return statement

    # -- versions of rows -------------------------------------------------------------------------------------

    def row_token(self, table: Table) -> ColumnElement[Any] | None:
        if not self.dates_writes:
            return None
        # 60 bits, so that no sign gets in the way.
        written = f"CONCAT({key_of(table).name}, ' ', UNIX_TIMESTAMP({WRITTEN_AT}))"
        return literal_column(f"CAST(CONV(LEFT(MD5({written}), 15), 16, 10) AS SIGNED)", BigInteger())

    def one_of_tokens(self, token: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        # One value, where a list would be another text for each length.
        return func.find_in_set(token, bindparam(name, type_=Text())) > literal_column("0")

    def tokens(self, tokens: Iterable[Any]) -> str:
        return ",".join(str(token) for token in tokens)

    def _dated(self, table: Any) -> dict[str, ColumnElement[Any]]:
        """What an UPDATE sets besides. The server would do it, but two writes may come in the same microsecond, and a
        clock may be set back: ours are always later than what they change."""
        if WRITTEN_AT not in table.c:
            return {}
        now = "CURRENT_TIMESTAMP(6)"
        return {WRITTEN_AT: literal_column(f"GREATEST({now}, {WRITTEN_AT} + INTERVAL 1 MICROSECOND)")}

    # -- JSON -------------------------------------------------------------------------------------------------

    def json_in(self, name: str) -> ColumnElement[Any]:
        return bindparam(name, type_=Text())

    def json_out(self, column: Column[Any]) -> ColumnElement[Any]:
        return type_coerce(column, Text).label(column.name)

    def fingerprint(self, text: str | None) -> str | None:
        return None if text is None else hashlib.sha256(text.encode()).hexdigest()

    def unchanged(self, column: Column[Any], name: str) -> ColumnElement[bool]:
        return func.sha2(cast(column, Text), 256).is_not_distinct_from(bindparam(name, type_=Text()))

    def json_text(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        return _unquoted(func.json_extract(type_coerce(document, Text), _path(key)))

    def json_as_text(self, document: ColumnElement[Any]) -> ColumnElement[Any]:
        return _unquoted(func.json_extract(type_coerce(document, Text), literal_column("'$'")))

    def json_set(self, document: ColumnElement[Any], key: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
        text = type_coerce(document, Text)
        whole = case((func.json_type(text) == "OBJECT", text), else_=literal_column("'{}'"))
        return func.json_set(whole, _path(key), func.json_extract(value, literal_column("'$'")))

    def json_array_has_all(self, document: Column[Any], name: str) -> ColumnElement[bool]:
        text = type_coerce(document, Text)
        is_array = func.json_type(text) == "ARRAY"
        return is_array & (func.json_contains(text, bindparam(name, type_=Text())) == 1)

    def json_elements(self, table: Table, column: Column[Any]) -> tuple[Any, ColumnElement[Any]]:
        text = type_coerce(column, Text)
        source, place = _places(text, "'$[*]'", "elements")
        return table.join(source, true()), func.json_extract(text, place)

    def json_object_at(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        found = func.json_extract(type_coerce(document, Text), _path(key))
        return case((func.json_type(found) == "OBJECT", found))

    # -- texts ------------------------------------------------------------------------------------------------

    def any_of(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        # Values, and not a table of them: those of a JSON_TABLE have a collation, which may be another.
        return column.in_(bindparam(name, type_=Text(), expanding=True))

    def texts(self, values: Iterable[str]) -> list[str]:
        return list(values)

    def text_match(self, value: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        pattern = func.lower(bindparam(name, type_=Text()))
        return func.lower(value).like(pattern, escape=LIKE_ESCAPE)

    # -- writes -----------------------------------------------------------------------------------------------

    def upsert(
        self,
        table: Table,
        values: Mapping[str, ColumnElement[Any]],
        key: Iterable[str],
        update: Mapping[str, Any] | None,
        where: ColumnElement[bool] | None = None,
    ) -> Insert:
        plan = Upsert(table, dict(values), update, where, self.inserted, self.at_once)
        return insert(table).values(dict(values)).execution_options(**{PLAN: plan})

    answers_stored = True

    def or_stored(self, upsert: ReturningInsert[Any], stored: Select[Any]) -> Executable:
        if not self.answers_stored:
            return upsert
        return upsert.execution_options(**{PLAN: replace(upsert.get_execution_options()[PLAN], stored=stored)})

    def put_rows(
        self, columns: Iterable[Column[Any]], name: str, key: Iterable[str] = (), keep: Iterable[str] = ()
    ) -> Insert:
        columns = list(columns)
        table: Any = columns[0].table
        plan = Put(table, [c.name for c in columns], name, list(key), list(keep))
        return insert(table).execution_options(**{PLAN: plan})

    def triggers(self, names: Mapping[Table, Iterable[str]]) -> ColumnElement[int]:
        # A trigger runs with the rights of the account that made it, and once that account was dropped it makes every
        # write fail (error 1449): agno's too. So there are none.
        return literal_column("0", BigInteger)

    def excluded(self, name: str) -> ColumnElement[Any]:
        return excluded(name)

    def insert_absent(self, columns: Iterable[Column[Any]], key: Iterable[str], name: str) -> Insert:
        # As values: read by the JSON_TABLE of MariaDB 10.11, texts with escapes did not come back equal.
        columns = list(columns)
        table: Any = columns[0].table
        return insert(table).execution_options(**{PLAN: Absent(table, [c.name for c in columns], name)})

    def insert_run(
        self,
        runs: Table,
        sessions: Table,
        values: Mapping[str, ColumnElement[Any]],
        update: Mapping[str, Any] | None,
        where: ColumnElement[bool] | None,
        returning: Iterable[ColumnElement[Any]],
    ) -> Executable:
        """The counter is advanced first, under the session's row lock, and only by a new run.

        MAX(run_index) + 1 alone would let racing inserts deadlock; it is only the floor, for runs that agno wrote.
        """
        session_id = values["session_id"]
        mine = (sessions.c.session_id == session_id, may_write(sessions, values["user_id"]))
        counter, stored = sessions.c.agnodb_run_counter, runs.c.run_id == values["run_id"]
        last = select(func.max(runs.c.run_index)).where(runs.c.session_id == session_id).scalar_subquery()
        zero, one = literal_column("0", BigInteger), literal_column("1", BigInteger)
        following = func.greatest(func.coalesce(counter, zero), func.coalesce(last + one, zero)) + one
        number = select(counter - one).where(mine[0]).scalar_subquery()
        writable = select(sessions.c.session_id).where(*mine)
        changes = None if update is None else {**update, **self._dated(runs)}
        upsert = Upsert(runs, {**values, "run_index": number}, changes, where, self.inserted, self.at_once)
        plan = NumberedRun(
            replace(upsert, allowed=writable.exists()) if self.at_once else upsert,
            advance=_update(sessions, {"agnodb_run_counter": following}, *mine, ~exists().where(stored)),
            writable=writable,
        )
        statement = insert(runs).values(dict(values)).returning(*returning)
        return statement.execution_options(**{PLAN: plan})

    def claim_one(self, table: Table, due: ColumnElement[bool], order_by: ColumnElement[Any]) -> ColumnElement[Any]:
        first = select(table.c.id).where(due).order_by(order_by, table.c.id).limit(1)
        return first.with_for_update(skip_locked=True).scalar_subquery()

    def one_at_a_time(self, table: Table) -> Executable:
        """GET_LOCK would outlive the transaction: the row of the table's own version stands for it."""
        versions = next(t for t in table.metadata.tables.values() if {"table_name", "version"} <= set(t.c.keys()))
        return select(versions.c.version).where(versions.c.table_name == table.name).with_for_update()

    # -- functions --------------------------------------------------------------------------------------------

    def day_start(self, day: ColumnElement[Any]) -> ColumnElement[Any]:
        return (func.to_days(day) - _EPOCH_DAY) * literal_column("86400", BigInteger)

    def greatest(self, *values: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.greatest(*values)

    def least(self, *values: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.least(*values)

    def milliseconds_between(self, start: ColumnElement[Any], end: ColumnElement[Any]) -> ColumnElement[Any]:
        between = func.timestampdiff(literal_column("MICROSECOND"), _moment(start), _moment(end), type_=BigInteger())
        return between // literal_column("1000", BigInteger)


def _update(table: Table, values: Mapping[str, Any], *where: ColumnElement[bool]) -> Update:
    return update(table).where(*where).values(dict(values))


def _path(*keys: str) -> ColumnElement[Any]:
    return literal("$" + "".join(f'."{key}"' for key in keys), Text())


def _unquoted(found: ColumnElement[Any]) -> ColumnElement[Any]:
    """A JSON value as text, NULL for JSON null."""
    return case((func.json_type(found) == "NULL", null()), else_=func.json_unquote(found))


def _places(document: ColumnElement[Any], path: str, name: str) -> tuple[Any, ColumnElement[Any]]:
    """A FROM with a row for each value at `path`, and where it stands in what JSON_EXTRACT gives."""
    table = func.json_table(document, literal_column(f"{path} COLUMNS (place FOR ORDINALITY)"))
    places = table.table_valued(column("place", BigInteger), name=name)
    return places, func.concat("$[", places.c.place - 1, "]")


def _moment(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """An ISO 8601 text in UTC, with or without microseconds."""
    return cast(func.substring_index(type_coerce(text, String), "+", 1), mysql.DATETIME(fsp=6))
