"""`agnodb firestore-indexes`: the indexes that the lists of a database in Firestore need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from agnodb.cli.common import Table, Target

Output = Annotated[Path | None, typer.Option("--output", help="Write it to this file instead of showing it.")]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("firestore-indexes")(indexes)


def indexes(table: Table = None, output: Output = None) -> None:
    """Write the file of indexes for Firestore, for `firebase deploy --only firestore:indexes`.

    Nothing is connected to. --table names collections as the application does.
    """
    from agnodb.documents.repository import Collections
    from agnodb.documents.stores.firestore_records import definition
    from agnodb.models.base import tables_for
    from agnodb.policies import Policies

    target = Target("firestore://indexes", None, table)
    with target.errors():
        store = target.store()
        assert store is not None
        text = json.dumps(definition(Collections(tables_for(store.layout), Policies(), None).indexes()), indent=2)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(f"{text}\n")
