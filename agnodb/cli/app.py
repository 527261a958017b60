"""The application that the groups of commands are added to."""

from __future__ import annotations

from typing import Annotated

import typer

from agnodb import __version__
from agnodb.cli import adopt, demo, doctor, firestore, inspect, media, schema

app = typer.Typer(
    name="agnodb",
    help="What AI agents generate and use, in the database you already have.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
schema.register(app)
doctor.register(app)
inspect.register(app)
adopt.register(app)
media.register(app)
firestore.register(app)
demo.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"agnodb {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """What AI agents generate and use, in the database you already have."""
