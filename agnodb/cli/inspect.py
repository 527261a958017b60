"""`agnodb inspect`: what is in the tables?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agnodb.cli import mongo, stores
from agnodb.cli.common import Schema, Table, Url
from agnodb.cli.places import Json, Place, chosen_place

if TYPE_CHECKING:
    from agnodb.diagnosis.contents import TableContents

Exact = Annotated[bool, typer.Option("--exact", help="Count big tables too, which may take a while.")]

_UNITS = ("B", "kB", "MB", "GB", "TB")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(inspect)


def inspect(
    place: Place = None,
    url: Url = None,
    schema: Schema = None,
    table: Table = None,
    exact: Exact = False,
    as_json: Json = False,
) -> None:
    """Show each table's rows, bytes, oldest and newest row. "~" stands before a number that is estimated."""
    import asyncio

    target = chosen_place(place, url, schema, table)
    with target.errors():
        from agnodb.diagnosis.contents import read_contents

        found, store = target.mongo(), target.store()
        if found is not None:
            described, contents = found.described(), mongo.contents(found)
        elif store is not None:
            described, contents = store.described(), stores.contents(store)
        else:
            address, layout = target.resolve()
            described, contents = target.described(), asyncio.run(read_contents(address, layout, exact=exact))
    if as_json:
        typer.echo(json.dumps({**described, "tables": [asdict(t) for t in contents]}, indent=2))
    else:
        for line in _lines(contents):
            typer.echo(line)


def _lines(contents: Sequence[TableContents]) -> list[str]:
    rows = [("table", "rows", "bytes", "oldest", "newest"), *map(_cells, contents)]
    known = [table for table in contents if table.exists]
    total = sum(table.bytes or 0 for table in known)
    about = "~" if any(table.estimated for table in known) else ""
    rows.append(("total", f"{about}{sum(table.rows for table in known):,}", _size(total) if total else "-", "", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if n in (1, 2) else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(table: TableContents) -> tuple[str, str, str, str, str]:
    if not table.exists:
        return table.table, "not there", "", "", ""
    rows = f"{'~' if table.estimated else ''}{table.rows:,}"
    return table.table, rows, _size(table.bytes), table.oldest or "-", table.newest or "-"


def _size(count: int | None) -> str:
    if count is None:
        return "-"
    size, unit = float(count), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{count} B"
