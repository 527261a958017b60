"""`agnodb doctor`: is this database as agnodb needs it, and if not, what mends it?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from agnodb.cli import mongo, stores
from agnodb.cli.common import Schema, Table, Url
from agnodb.cli.places import Json, Place, chosen_place

if TYPE_CHECKING:
    from agnodb.diagnosis.doctor import Report

_COLOURS = {"ok": "green", "note": "blue", "warning": "yellow", "error": "red"}


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(doctor)


def doctor(
    place: Place = None, url: Url = None, schema: Schema = None, table: Table = None, as_json: Json = False
) -> None:
    """Examine a database, and say what to do. Nothing in it is changed.

    Exit code 0: nothing to do. 1: something needs action. 2: there is no connection.
    """
    import asyncio

    target = chosen_place(place, url, schema, table)
    with target.errors():
        from agnodb.diagnosis.doctor import examine
        from agnodb.diagnosis.finding import Commands

        if (found := target.mongo()) is not None:
            described, report = found.described(), mongo.examine(found, place or url)
        elif (store := target.store()) is not None:
            described, report = store.described(), stores.examine(store, place or url)
        else:
            address, layout = target.resolve()
            report = asyncio.run(examine(address, layout, Commands(layout, target.given, target.direct)))
            described = target.described()
    if as_json:
        typer.echo(json.dumps({**described, **report.as_dict()}, indent=2))
    else:
        typer.echo(" ".join(f"{name} {value}" for name, value in described.items() if value))
        _print(report)
    raise typer.Exit(report.exit_code)


def _print(report: Report) -> None:
    width = max(len(finding.check) for finding in report.findings)
    for finding in report.findings:
        severity = typer.style(f"{finding.severity:<8}", fg=_COLOURS[finding.severity])
        typer.echo(f"{severity} {finding.check:<{width}}  {finding.message}")
        if finding.mend:
            typer.echo(f"{'':<8} {'':<{width}}  -> {finding.mend}")
    if report.detail:
        typer.echo(report.detail.partition("\n")[0], err=True)
    waiting = sum(finding.needs_action for finding in report.findings)
    typer.echo(f"{waiting} of {len(report.findings)} findings need action" if waiting else "Nothing to do")
