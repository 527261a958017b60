"""`agnodb demo`: real agents on a real database, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(demo)


def demo(
    url: Annotated[str | None, typer.Option("--url", help="The database; a new SQLite file by default.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep what the demo wrote.")] = False,
) -> None:
    """See agents keep what they do: conversations, memories, approvals, traces, in each table."""
    arguments = [*(["--url", url] if url else []), *(["--keep"] if keep else [])]
    # Not imported: agno, which the demo needs, may not be installed, and takes its time to load.
    raise typer.Exit(subprocess.call([sys.executable, "-m", "agnodb.demo", *arguments]))
