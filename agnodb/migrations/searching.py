"""What finds a part of a text without reading every row: an index of grams, three units of the text each.

A text that has another one in it has all of its grams, upper and lower case alike, so the index gives the rows to look
at, and what a search means is decided by the search. The index follows whoever writes, agno included. PostgreSQL has it
over a function, so that no column is added and no row rewritten; its grams are of bytes, so a character of Chinese is
one. SQLite has FTS5's, of characters, filled by triggers. It knows rows by numbers of its own: a VACUUM may give other
ones to the rows of a table whose key is a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from agnodb.config import GRAM_BYTES_FROM, NO_GRAM, TRIGGER_EVENTS, GramNames

if TYPE_CHECKING:
    from agnodb.migrations.operations import SchemaOperations

LONGEST = 100_000
"""Bytes. PostgreSQL does not take longer texts apart: they have one gram, `NO_GRAM`, and every search looks at them."""


@dataclass(frozen=True)
class Searched:
    """What is searched in a row: the JSON text of `column`; where it is a string, with `unquoted`, that string."""

    key: str
    column: str
    unquoted: bool = False

    def on_postgresql(self) -> str:
        """As an expression, which is the one that the dialect searches."""
        return f"({self.column} #>> '{{}}')" if self.unquoted else f"CAST({self.column} AS text)"

    def on_sqlite(self, row: str) -> str:
        """The same; `row` is what the row is called."""
        column = f"{row}.{self.column}"
        if not self.unquoted:
            return f"CAST({column} AS TEXT)"
        valid = f"CASE WHEN json_valid({column}) THEN {column} END"
        return f"CAST(coalesce(json_extract({valid}, '$'), {column}) AS TEXT)"


def create_grams(schema: SchemaOperations, concept: str, searched: Searched) -> None:
    """Index what is searched in the table of `concept`. MySQL has no index that could."""
    names = schema.layout.names.grams()[concept]
    if schema.database == "postgresql":
        _create_index(schema, concept, searched, names)
    elif schema.database == "sqlite":
        for statement in _sqlite(schema, concept, searched, names):
            schema.run(statement)


def drop_grams(schema: SchemaOperations, concept: str) -> None:
    """Drop what `create_grams` made."""
    names = schema.layout.names.grams()[concept]
    if schema.kept(schema.table(concept)):
        return
    if schema.database == "postgresql":
        schema.drop_index(concept, name="idx_{table}_grams")
        schema.run(f"DROP FUNCTION IF EXISTS {schema.quoted(names.grams)}(text[])")
    elif schema.database == "sqlite":
        for trigger in names.triggers:
            schema.run(f"DROP TRIGGER IF EXISTS {schema.quoted(trigger)}")
        for table in (names.grams, names.keys):
            schema.run(f"DROP TABLE IF EXISTS {schema.quoted(table)}")


def _create_index(schema: SchemaOperations, concept: str, searched: Searched, names: GramNames) -> None:
    function = schema.quoted(names.grams)
    # In the encoding of the database: a text that is none of another one must not fail the row. Materialized, or each
    # gram would have its text lowered anew.
    texts = "SELECT convert_to(lower(t), getdatabaseencoding()) AS b FROM unnest(texts) AS t"
    gram = "(get_byte(b, i) << 16) | (get_byte(b, i + 1) << 8) | get_byte(b, i + 2)"
    words = " AND ".join(f"get_byte(b, i + {n}) >= {GRAM_BYTES_FROM}" for n in range(3))
    places = "generate_series(0, length(b) - 3) AS i"
    grams = f"SELECT coalesce(array_agg({gram}), '{{}}') FROM texts, {places} WHERE {words}"
    long = f"(SELECT sum(length(b)) FROM texts) > {LONGEST}"
    # The costs keep the planner from calling it for row after row, where a look into the index would do.
    schema.run(
        f"CREATE OR REPLACE FUNCTION {function}(texts text[]) RETURNS integer[]"
        " LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 RETURN"
        f" (WITH texts AS MATERIALIZED ({texts}) SELECT CASE WHEN {long} THEN ARRAY[{NO_GRAM}] ELSE ({grams}) END)"
    )
    # Whoever writes to the table runs it, whatever the default privileges are.
    schema.run(f"GRANT EXECUTE ON FUNCTION {function}(text[]) TO PUBLIC")
    expression = text(f"{function}(ARRAY[{searched.on_postgresql()}])".replace(":", "\\:"))
    schema.create_index(concept, expression, name="idx_{table}_grams", postgresql_using="gin")
    # ANALYZE would call the function for thousands of rows, for statistics that the plan does not need.
    schema.run(f"ALTER INDEX {schema.quoted(names.index)} ALTER COLUMN 1 SET STATISTICS 0")


def _sqlite(schema: SchemaOperations, concept: str, searched: Searched, names: GramNames) -> Iterator[str]:
    table, keys, grams = map(schema.quoted, (schema.table(concept), names.keys, names.grams))
    # No number is given twice: what a REPLACE leaves in the index of a row, as it runs no trigger, is nobody's then.
    yield f"CREATE TABLE IF NOT EXISTS {keys} (number INTEGER PRIMARY KEY AUTOINCREMENT, row_key TEXT NOT NULL UNIQUE)"
    # Which rows have a gram is all that is kept: neither the text nor the places.
    options = "content='', columnsize=0, detail=none, tokenize='trigram'"
    yield f"CREATE VIRTUAL TABLE IF NOT EXISTS {grams} USING fts5(document, {options})"
    for event, name in zip(TRIGGER_EVENTS, names.triggers, strict=True):
        done = [*(_forget("OLD", searched, keys, grams) if event != "insert" else ())]
        done += [*(_take("NEW", searched, keys, grams) if event != "delete" else ())]
        changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in (searched.key, searched.column))
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {schema.quoted(name)} AFTER {event.upper()} ON {table}"
            f"{f' WHEN {changed}' if event == 'update' else ''} BEGIN {'; '.join(done)}; END"
        )
    # All of it anew: nobody knows what was written while one of these was missing.
    yield f"INSERT INTO {grams} ({grams}) VALUES ('delete-all')"
    yield f"DELETE FROM {keys}"
    yield f"INSERT INTO {keys} (row_key) SELECT {searched.key} FROM {table}"
    yield (
        f"INSERT INTO {grams} (rowid, document) SELECT number, {searched.on_sqlite('stored')}"
        f" FROM {keys} JOIN {table} AS stored ON stored.{searched.key} = row_key"
    )


def _take(row: str, searched: Searched, keys: str, grams: str) -> Iterator[str]:
    yield f"DELETE FROM {keys} WHERE row_key = {row}.{searched.key}"
    yield f"INSERT INTO {keys} (row_key) VALUES ({row}.{searched.key})"
    yield (
        f"INSERT INTO {grams} (rowid, document) SELECT number, {searched.on_sqlite(row)}"
        f" FROM {keys} WHERE row_key = {row}.{searched.key}"
    )


def _forget(row: str, searched: Searched, keys: str, grams: str) -> Iterator[str]:
    yield (
        f"INSERT INTO {grams} ({grams}, rowid, document) SELECT 'delete', number, {searched.on_sqlite(row)}"
        f" FROM {keys} WHERE row_key = {row}.{searched.key}"
    )
    yield f"DELETE FROM {keys} WHERE row_key = {row}.{searched.key}"
