"""SQLite."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Executable,
    Select,
    Table,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.sqlite import insert

from agnodb.config import GramNames
from agnodb.sql.dialects.base import LIKE_ESCAPE, MOST_GRAMS, longest_first
from agnodb.sql.dialects.common import OnConflict
from agnodb.sql.ownership import may_write


class SqliteDialect(OnConflict):
    """SQLite 3.35 and later (RETURNING)."""

    insert = staticmethod(insert)
    writes_nest = False

    def json_in(self, name: str) -> ColumnElement[Any]:
        return bindparam(name, type_=Text())

    def json_out(self, column: Column[Any]) -> ColumnElement[Any]:
        return type_coerce(column, Text).label(column.name)

    def fingerprint(self, text: str | None) -> str | None:
        return text

    def unchanged(self, column: Column[Any], name: str) -> ColumnElement[bool]:
        return cast(column, Text).is_not_distinct_from(cast(bindparam(name, type_=Text()), Text))

    def json_text(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        return cast(func.json_extract(_valid(document), f'$."{key}"'), Text)

    def json_as_text(self, document: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.coalesce(func.json_extract(_valid(document), "$"), type_coerce(document, Text)), Text)

    def json_set(self, document: ColumnElement[Any], key: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
        whole = case((func.json_type(_valid(document)) == "object", type_coerce(document, Text)), else_="{}")
        return func.json_set(whole, f'$."{key}"', func.json(value))

    def json_array_has_all(self, document: Column[Any], name: str) -> ColumnElement[bool]:
        wanted = func.json_each(bindparam(name, type_=Text())).table_valued("value", name="wanted")
        held = func.json_each(_array(document)).table_valued("value", name="held")
        absent = select(wanted.c.value).where(wanted.c.value.not_in(select(held.c.value).correlate(document.table)))
        return ~absent.correlate(document.table).exists()

    def json_elements(self, table: Table, column: Column[Any]) -> tuple[Any, ColumnElement[Any]]:
        elements = func.json_each(_array(column)).table_valued("value", "atom", name="elements")
        # Arrays and objects are JSON text already, and have no atom.
        is_text = elements.c.atom.is_not(None)
        return table.join(elements, true()), case((is_text, func.json_quote(elements.c.atom)), else_=elements.c.value)

    def json_object_at(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        valid, where = _valid(document), f'$."{key}"'
        return case((func.json_type(valid, where) == "object", func.json_extract(valid, where)))

    def any_of(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        listed = func.json_each(bindparam(name, type_=Text())).table_valued("value", name=f"{name}_values")
        return column.in_(select(listed.c.value))

    def texts(self, values: Iterable[str]) -> str:
        return json.dumps(list(values))

    def text_match(self, value: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        # SQLite's LIKE ignores the case of ASCII letters only (https://www.sqlite.org/lang_expr.html#like).
        return value.like(bindparam(name, type_=Text()), escape=LIKE_ESCAPE)

    def grams(self, parts: Sequence[str]) -> str | None:
        pieces = (part[place : place + 3] for part in longest_first(parts) for place in range(len(part) - 2))
        asked = islice(dict.fromkeys(pieces), MOST_GRAMS)
        return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in asked) or None

    def has_grams(
        self, names: GramNames, key: Column[Any], document: ColumnElement[Any], binds: Sequence[str]
    ) -> ColumnElement[bool]:
        keys = table(names.keys, column("number"), column("row_key"))
        found = self.rows_with_grams(names, key, document, binds).subquery()
        return key.in_(select(keys.c.row_key).join(found, found.c.rowid == keys.c.number))

    def rows_with_grams(
        self, names: GramNames, key: Column[Any], document: ColumnElement[Any], binds: Sequence[str]
    ) -> Select[Any]:
        grams = table(names.grams, column("rowid"), column(names.grams))  # a table of FTS5 is searched by its name
        found = [
            select(grams.c.rowid).where(
                grams.c[names.grams].op("MATCH", is_comparison=True)(bindparam(name, type_=Text()))
            )
            for name in binds
        ]
        return found[0] if len(found) == 1 else select(union_all(*found).subquery().c.rowid)

    def rows_of(self, columns: Iterable[Column[Any]], name: str) -> Select[Any]:
        objects = func.json_each(bindparam(name, type_=Text())).table_valued("value", name=f"{name}_rows")
        values = (func.json_extract(objects.c.value, f'$."{c.name}"') for c in columns)
        # Without a WHERE, SQLite takes an ON CONFLICT for the ON of a join.
        return select(*values).select_from(objects).where(literal_column("1") == literal_column("1"))

    def insert_run(
        self,
        runs: Table,
        sessions: Table,
        values: Mapping[str, ColumnElement[Any]],
        update: Mapping[str, Any] | None,
        where: ColumnElement[bool] | None,
        returning: Iterable[ColumnElement[Any]],
    ) -> Executable:
        """SQLite has one writer at a time, so the statement itself may read the last index and add one."""
        session_id, counter = values["session_id"], sessions.c.agnodb_run_counter
        last = select(func.max(runs.c.run_index)).where(runs.c.session_id == session_id).scalar_subquery()
        following = func.max(func.coalesce(counter, 0), func.coalesce(last + 1, 0))
        numbered = {**values, "run_index": following}
        source = select(*(value.label(name) for name, value in numbered.items())).where(
            sessions.c.session_id == session_id, may_write(sessions, values["user_id"])
        )
        statement = insert(runs).from_select(list(numbered), source)
        return self._on_conflict(statement, ["run_id"], update, where).returning(*returning)

    def claim_one(self, table: Table, due: ColumnElement[bool], order_by: ColumnElement[Any]) -> ColumnElement[Any]:
        return select(table.c.id).where(due).order_by(order_by, table.c.id).limit(1).scalar_subquery()

    def one_at_a_time(self, table: Table) -> Executable:
        return select(literal_column("1"))  # SQLite has one writer: whoever has begun a transaction

    def triggers(self, names: Mapping[Table, Iterable[str]]) -> ColumnElement[int]:
        catalog = table("sqlite_master", column("type"), column("name"), column("tbl_name"))
        of = [
            (catalog.c.tbl_name == literal(on.name, Text())) & catalog.c.name.in_([literal(n, Text()) for n in among])
            for on, among in names.items()
        ]
        is_trigger = catalog.c.type == literal_column("'trigger'")
        return select(func.count()).select_from(catalog).where(or_(*of), is_trigger).scalar_subquery()

    def day_start(self, day: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.strftime("%s", day), BigInteger)

    def greatest(self, *values: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.max(*values)

    def least(self, *values: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.min(*values)

    def milliseconds_between(self, start: ColumnElement[Any], end: ColumnElement[Any]) -> ColumnElement[Any]:
        return (_microseconds(end) - _microseconds(start)) // 1000


def _microseconds(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """Of an ISO 8601 text in UTC; SQLite's own functions stop at milliseconds."""
    seconds = cast(func.strftime("%s", moment), BigInteger)
    fraction = case((func.substr(moment, 20, 1) == ".", cast(func.substr(moment, 21, 6), BigInteger)), else_=0)
    return seconds * 1000000 + fraction


def _valid(document: ColumnElement[Any]) -> ColumnElement[Any]:
    """`document`, or NULL where it is no JSON: agno may have written NaN, at which JSON functions fail."""
    text = type_coerce(document, Text)
    return case((func.json_valid(text), text))


def _array(document: ColumnElement[Any]) -> ColumnElement[Any]:
    valid = _valid(document)
    return case((func.json_type(valid) == "array", valid), else_="[]")
