"""PostgreSQL."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Executable,
    Integer,
    Numeric,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    exists,
    extract,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by, array, insert
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.sql.functions import Function

from agnodb.config import GRAM_BYTES_FROM, NO_GRAM, GramNames
from agnodb.sql.dialects.base import LIKE_ESCAPE, longest_first
from agnodb.sql.dialects.common import OnConflict
from agnodb.sql.ownership import may_write

_GRAM = re.compile(b"[%c-\xff]{3}" % GRAM_BYTES_FROM)


class PostgresDialect(OnConflict):
    """PostgreSQL 14 and later."""

    insert = staticmethod(insert)
    writes_nest = True

    def json_in(self, name: str) -> ColumnElement[Any]:
        return cast(bindparam(name, type_=Text()), JSONB)

    def json_out(self, column: Column[Any]) -> ColumnElement[Any]:
        return cast(column, Text).label(column.name)

    def fingerprint(self, text: str | None) -> str | None:
        # Not the text itself: it would have to be sent, and parsed, with every save.
        return None if text is None else hashlib.sha256(text.encode()).hexdigest()

    def unchanged(self, column: Column[Any], name: str) -> ColumnElement[bool]:
        digest = func.sha256(func.convert_to(cast(column, Text), "UTF8"))
        return func.encode(digest, "hex").is_not_distinct_from(bindparam(name, type_=Text()))

    def json_text(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        text: ColumnElement[Any] = cast(document, JSONB)[key].astext
        return text

    def json_as_text(self, document: ColumnElement[Any]) -> ColumnElement[Any]:
        return document.op("#>>", return_type=Text())(literal_column("'{}'"))

    def json_set(self, document: ColumnElement[Any], key: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
        is_object = func.jsonb_typeof(document) == "object"
        whole = case((is_object, document), else_=cast(literal_column("'{}'"), JSONB))
        return func.jsonb_set(whole, cast([key], ARRAY(Text)), value)

    def json_array_has_all(self, document: Column[Any], name: str) -> ColumnElement[bool]:
        return document.op("@>", is_comparison=True)(self.json_in(name))

    def json_elements(self, table: Table, column: Column[Any]) -> tuple[Any, ColumnElement[Any]]:
        # Not every row holds an array: a CASE inside the call, because a WHERE may run after it.
        empty = cast(literal_column("'[]'"), JSONB)
        array = case((func.jsonb_typeof(column) == "array", column), else_=empty)
        elements = func.jsonb_array_elements(array).table_valued("value", name="elements")
        return table.join(elements, true()), cast(elements.c.value, Text)

    def json_object_at(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        found = cast(document, JSONB)[key]
        return case((func.jsonb_typeof(found) == "object", found))

    def any_of(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column == any_(cast(bindparam(name, type_=ARRAY(Text)), ARRAY(Text)))

    def texts(self, values: Iterable[str]) -> list[str]:
        return list(values)

    def row_token(self, table: Table) -> ColumnElement[Any]:
        # The transaction that wrote the version, and where it is. The key, because VACUUM FULL gives the places of
        # deleted rows to others of the same transaction. The server's start, because one that took over without the
        # last commits gives their transaction ids and places again; and the time, for a server that lost them itself.
        key = table.primary_key.columns.keys()[0]
        parts = f"extract(epoch FROM pg_postmaster_start_time()), xmin, ctid, updated_at, {key}"
        return literal_column(f"hashtextextended(concat_ws(' ', {parts}), 0)", BigInteger())

    lists = True

    def listed(self, column: ColumnElement[Any], *order: ColumnElement[Any]) -> ColumnElement[Any]:
        listed: ColumnElement[Any] = func.array_agg(aggregate_order_by(column, *order))
        return listed

    def text_match(self, value: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return value.ilike(bindparam(name, type_=Text()), escape=LIKE_ESCAPE)

    def grams(self, parts: Sequence[str]) -> list[str] | None:
        # Of bytes: one character of most writing systems is two or three.
        told = any(_GRAM.search(part.encode()) for part in parts)
        return [*longest_first(parts)] if told else None

    def has_grams(
        self, names: GramNames, key: Column[Any], document: ColumnElement[Any], binds: Sequence[str]
    ) -> ColumnElement[bool]:
        held = _grams_of(key.table, names, array([document]))
        asked = [_grams_of(key.table, names, cast(bindparam(name, type_=ARRAY(Text)), ARRAY(Text))) for name in binds]
        anything: ColumnElement[Any] = literal_column(f"ARRAY[{NO_GRAM}]")
        return or_(*(held.op("@>", is_comparison=True)(grams) for grams in (*asked, anything)))

    def rows_of(self, columns: Iterable[Column[Any]], name: str) -> Select[Any]:
        typed = {c: column(c.name, Text() if isinstance(c.type, JSON) else c.type) for c in columns}
        array = cast(bindparam(name, type_=Text()), JSON)
        rows = func.json_to_recordset(array).table_valued(*typed.values(), name=f"{name}_rows")
        rows = rows.render_derived(with_types=True)
        return select(*(cast(rows.c[c.name], JSONB) if isinstance(c.type, JSON) else rows.c[c.name] for c in typed))

    answers_stored = True

    def or_stored(self, upsert: ReturningInsert[Any], stored: Select[Any]) -> Executable:
        written = upsert.cte("written")
        nothing = ~select(literal_column("1")).select_from(written).exists()
        return union_all(select(written), stored.where(nothing))

    def insert_run(
        self,
        runs: Table,
        sessions: Table,
        values: Mapping[str, ColumnElement[Any]],
        update: Mapping[str, Any] | None,
        where: ColumnElement[bool] | None,
        returning: Iterable[ColumnElement[Any]],
    ) -> Executable:
        """The counter is advanced by the same statement, under the session's row lock.

        MAX(run_index)+1 alone would be read from a snapshot older than the wait for that lock and give racing runs
        one index; it is only the floor, for sessions whose runs agno's own adapter wrote.
        """
        session_id, run_id = values["session_id"], values["run_id"]
        counter = sessions.c.agnodb_run_counter
        stored = select(runs.c.run_id).where(runs.c.run_id == run_id)
        last = select(func.max(runs.c.run_index)).where(runs.c.session_id == session_id).scalar_subquery()
        counted = (
            _advance_counter(sessions, func.greatest(func.coalesce(counter, 0), func.coalesce(last + 1, 0)))
            .where(sessions.c.session_id == session_id, may_write(sessions, values["user_id"]), ~exists(stored))
            .returning((counter - 1).label("run_index"))
            .cte("counted")
        )
        numbered = {**values, "run_index": func.coalesce(counted.c.run_index, counter, 0)}
        source = (
            select(*(value.label(name) for name, value in numbered.items()))
            .select_from(sessions.outerjoin(counted, true()))
            .where(sessions.c.session_id == session_id, may_write(sessions, values["user_id"]))
        )
        statement = insert(runs).from_select(list(numbered), source)
        return self._on_conflict(statement, ["run_id"], update, where).returning(*returning)

    def claim_one(self, table: Table, due: ColumnElement[bool], order_by: ColumnElement[Any]) -> ColumnElement[Any]:
        first = select(table.c.id).where(due).order_by(order_by, table.c.id).limit(1)
        return first.with_for_update(skip_locked=True).scalar_subquery()

    def one_at_a_time(self, table: Table) -> Executable:
        return select(cast(func.pg_advisory_xact_lock(func.hashtextextended(table.fullname, 0)), Text))

    def triggers(self, names: Mapping[Table, Iterable[str]]) -> ColumnElement[int]:
        catalog = table("pg_trigger", column("tgrelid"), column("tgname"), column("tgenabled"), schema="pg_catalog")
        of = [
            (catalog.c.tgrelid == _relation(on)) & catalog.c.tgname.in_([literal(name, Text()) for name in among])
            for on, among in names.items()
        ]
        works = catalog.c.tgenabled.in_([literal_column("'O'"), literal_column("'A'")])
        return select(func.count()).select_from(catalog).where(or_(*of), works).scalar_subquery()

    def day_start(self, day: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(extract("epoch", day), BigInteger)

    def greatest(self, *values: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.greatest(*values)

    def least(self, *values: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.least(*values)

    def milliseconds_between(self, start: ColumnElement[Any], end: ColumnElement[Any]) -> ColumnElement[Any]:
        moment = DateTime(timezone=True)
        seconds = extract("epoch", cast(end, moment) - cast(start, moment))
        return cast(func.trunc(cast(seconds, Numeric) * 1000), BigInteger)


def _grams_of(table: Any, names: GramNames, texts: ColumnElement[Any]) -> ColumnElement[Any]:
    schema = () if table.schema is None else (quoted_name(table.schema, True),)
    return Function(quoted_name(names.grams, True), texts, packagenames=schema, type_=ARRAY(Integer))


def _relation(table: Table) -> ColumnElement[Any]:
    parts = [part for part in (table.schema, table.name) if part is not None]
    name = func.format(literal_column(f"'{'.'.join(['%I'] * len(parts))}'"), *(literal(part, Text()) for part in parts))
    return func.to_regclass(name)


def _advance_counter(sessions: Table, floor: ColumnElement[Any]) -> Any:
    return update(sessions).values(agnodb_run_counter=floor + literal(1, BigInteger))
