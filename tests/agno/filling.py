"""Many rows by plain SQL: every table of a database, in a moment, past agnodb.

Row number n has the key `text_of(n)`. Other texts repeat after `distinct` rows (names after `NAMES`, so that pairs
stay unique), numbers and times rise with n, documents are small and plain.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Table

from agnodb.config import DEFAULT_SCHEMA, Layout
from agnodb.filters import LISTINGS
from agnodb.models import concepts, tables_for

NAMES = 997
SECONDS = 1_700_000_000
DAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
TEXT_TIMES = ("traces", "spans")


def text_of(number: int) -> str:
    return f"{number:06}"


def moment_of(number: int) -> datetime.datetime:
    """What a time of row `number` is, in the tables that keep times as text."""
    return DAY + datetime.timedelta(minutes=number)


def fill(kind: str, rows: int, *, distinct: int) -> Iterator[str]:
    """Statements that insert that many rows into every table, parents before children."""
    tables = tables_for(Layout(DEFAULT_SCHEMA if kind == "postgresql" else None))
    concept_of = {getattr(tables, concept).name: concept for concept in concepts()}
    for table in (made for made in tables.metadata.sorted_tables if made.name in concept_of):
        yield _insert(kind, concept_of[table.name], table, rows, distinct)


def _insert(kind: str, concept: str, table: Table, rows: int, distinct: int) -> str:
    columns = [column for column in table.columns if not column.name.startswith("agnodb_")]
    names = ", ".join(f'"{column.name}"' for column in columns)
    values = ", ".join(_value(kind, concept, column, distinct) for column in columns)
    if kind == "postgresql":
        return f"INSERT INTO {table.fullname} ({names}) SELECT {values} FROM generate_series(0, {rows - 1}) n"
    series = f"WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {rows - 1})"
    return f"INSERT INTO {table.fullname} ({names}) {series} SELECT {values} FROM s"


def _value(kind: str, concept: str, column: Column[Any], distinct: int) -> str:
    """The expression of row n's value."""
    name, postgres = column.name, kind == "postgresql"
    repeated = f"n % {NAMES if name == 'name' else distinct}"
    if isinstance(column.type, JSON):
        document = "'{}'"
        if name == "topics":
            document = f"""'["' || {_text(kind, repeated)} || '"]'"""
        elif name == "run_data":
            document = f"""'{{"agent_id": "a", "run_id": "' || {_text(kind, "n")} || '"}}'"""
        return f"({document})::jsonb" if postgres else document
    if isinstance(column.type, Boolean):
        return f"{repeated} <> 7"
    if isinstance(column.type, Date):
        day = f"n % {NAMES}"
        return f"date '{DAY:%Y-%m-%d}' + ({day})" if postgres else f"date('{DAY:%Y-%m-%d}', ({day}) || ' days')"
    if isinstance(column.type, BigInteger):
        return f"{SECONDS} + n"
    if concept in TEXT_TIMES and name in ("start_time", "end_time", "created_at"):
        if postgres:
            moment = f"timestamp '{DAY:%Y-%m-%d}' + n * interval '1 minute'"
            return f"""to_char({moment}, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
        return f"strftime('%Y-%m-%dT%H:%M:%S', '{DAY:%Y-%m-%d}', n || ' minutes') || '.000000+00:00'"
    return _text(kind, "n" if name == LISTINGS[concept].key else repeated)


def _text(kind: str, number: str) -> str:
    return f"to_char({number}, 'FM000000')" if kind == "postgresql" else f"printf('%06d', {number})"
