"""Before anything is timed: every side stores and gives back the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg

from benchmarks.data import JSON_COLUMNS, MEMORY_COLUMNS, RUN_COLUMNS, SESSION_COLUMNS, Data, Item
from benchmarks.sides import Side
from benchmarks.statements import as_text, insert

if TYPE_CHECKING:
    from benchmarks.calls import Call

COLUMNS = {"sessions": SESSION_COLUMNS, "runs": RUN_COLUMNS, "memories": MEMORY_COLUMNS}
CLOCKED = frozenset({"created_at", "updated_at"})


class WrongResultError(Exception):
    """A side did not store or return what it was given: its times would mean nothing."""


async def fill(connection: asyncpg.Connection, data: Data, schema: str) -> None:
    """The same rows into a side's tables, past the side itself."""
    filled: dict[str, Iterable[Item]] = {
        "sessions": data.sessions(), "runs": [*data.runs()], "memories": data.memories,
    }  # fmt: skip
    async with connection.transaction():
        for table, items in filled.items():
            sql = insert(f"{schema}.agno_{table}", COLUMNS[table])
            await connection.executemany(sql, [tuple(item.row.values()) for item in items])
    for table in filled:
        await connection.execute(f"VACUUM (ANALYZE) {schema}.agno_{table}")


async def check(connection: asyncpg.Connection, data: Data, sides: list[Side], calls: Sequence[Call]) -> None:
    """Every call once on every side, and a look at the result. Raises WrongResultError."""
    for call in calls:
        inputs = call.inputs(data, 2)
        views = []
        for side in sides:
            results = [await call.call(side, item) for item in inputs]
            if call.table is not None:
                for item in inputs:
                    _expect(await _stored(connection, side, call.table, item), _plain(item.row), call, side)
            else:
                views.append([side.view(result) for result in results])
        for side, view in zip(sides, views, strict=False):
            _expect(view, views[-1], call, side)
            if not all(view) or (isinstance(inputs[0], Item) and view[0][0][0] != inputs[0].row["session_id"]):
                raise WrongResultError(f"{side.name}: {call.name} gives nothing, or another session")


async def _stored(connection: asyncpg.Connection, side: Side, table: str, item: Item) -> dict[str, Any]:
    columns = COLUMNS[table]
    sql = f"SELECT {as_text(columns)} FROM {side.schema}.agno_{table} WHERE {columns[0]} = $1"
    row = await connection.fetchrow(sql, item.row[columns[0]])
    return {} if row is None else _plain(dict(row))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row for comparison: JSON parsed (a JSON null is none), without the times at which it was written."""
    return {
        name: json.loads(value) if name in JSON_COLUMNS and value is not None else value
        for name, value in row.items()
        if name not in CLOCKED
    }


def _expect(found: Any, expected: Any, call: Call, side: Side) -> None:
    if found != expected:
        raise WrongResultError(f"{side.name}: {call.name}\n  found    {found!r:.2000}\n  expected {expected!r:.2000}")
