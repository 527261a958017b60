"""`agnodb adopt`: takes over what agno's own adapter has stored in the same place."""

from __future__ import annotations

from typing import Annotated

import typer

from agnodb.cli.common import Schema, Table
from agnodb.cli.places import Place, chosen_place
from agnodb.errors import ConfigurationError

Apply = Annotated[bool, typer.Option("--apply", help="Do it. Without this, it is only said what would be done.")]

SHOWN = 20
"""So many of the refused records are named, of each kind."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(adopt)


def adopt(place: Place = None, schema: Schema = None, table: Table = None, apply: Apply = False) -> None:
    """Take over what agno's own classes for stores of documents have stored. Databases of SQL need no adoption.

    Nothing of agno's is changed or deleted; its files are moved to a folder beside. Stop what writes there before.
    Exits with 1 when records were refused, which are named.
    """
    from agnodb.documents.adopting import Adoption

    target = chosen_place(place, None, schema, table)
    with target.errors():
        store = target.store()
        opened = None if store is None else store.open()
        if store is None or opened is None or opened.agnos is None:
            known = "json://, redis://, dynamodb://, firestore:// and gs://"
            raise ConfigurationError(f"Adoption is for {known}: SQL tables of agno's are used as they are.")
        names = store.layout.names
        rows = opened.agnos(names)
        told = store.run_on(opened, lambda repositories, _: Adoption(repositories, rows, apply=apply).run())
        for concept in told:
            line = f"{concept.concept}: {concept.taken} {'taken over' if apply else 'to take over'}"
            typer.echo(f"{line}, {concept.there} there already, {len(concept.refused)} refused")
            for reason in concept.refused[:SHOWN]:
                typer.echo(f"  {reason}")
        refused = sum(len(concept.refused) for concept in told)
        if apply and not refused and (said := opened.put_aside(names)):
            typer.echo(said)
        if not apply:
            typer.echo("nothing was changed; --apply does it")
    if refused:
        raise typer.Exit(1)
