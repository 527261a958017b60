"""The demo: from an empty database, through what agents do, to the tables that hold it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from agnodb.demo import conversations, decisions, observing, scheduling
from agnodb.demo.show import show_tables
from agnodb.demo.stage import Complaints, Stage, check, keeps_documents, open_database
from agnodb.urls import async_url, require_driver


async def perform(url: str, console: Console) -> None:
    """Play the demo on the database of `url`. Raises DemoError when a step does not do what it says, an AgnoDbError
    for a wrong URL."""
    began = time.monotonic()
    if not keeps_documents(url):
        require_driver(async_url(url))
    complaints = Complaints()
    complaints.listen()
    await make_tables(url, console)
    async with open_database(url) as db:
        await db.create_tables()  # raises unless they are there, and at head
        stage = Stage(db, url, console)
        observing.start_tracing(stage)
        try:
            await play(stage)
        finally:
            await observing.exported()
    complaints.check()
    console.print(f"\n[bold green]All of it is so.[/] [dim]{time.monotonic() - began:.0f} s[/]")


async def play(stage: Stage) -> None:
    """The steps, each of which checks itself."""
    session = await conversations.alice_talks(stage)
    await conversations.bob_talks(stage)
    await conversations.knowledge_is_added(stage)
    await conversations.profile_is_learned(stage)
    run = await decisions.refund_is_approved(stage)
    await observing.agents_are_evaluated(stage, run)
    await scheduling.report_is_scheduled(stage)
    await observing.traces_are_kept(stage, run)
    await second_process(stage, session)
    await observing.metrics_are_calculated(stage)
    stage.heading("What the database holds now")
    counts = await show_tables(stage.db, stage.console)
    empty = [table for table, rows in counts.items() if not rows]
    check(not empty, f"every table holds something (empty: {empty})")


async def make_tables(url: str, console: Console) -> None:
    """`agnodb upgrade`, in a process of its own."""
    console.print("[bold cyan]The tables are made by Alembic[/]  [dim]$ agnodb upgrade[/]")
    await _run(["agnodb.cli", "upgrade"], url)


async def second_process(stage: Stage, session: str) -> None:
    """Alice's conversation goes on in another process."""
    stage.heading("A second process opens the database and continues Alice's conversation")
    await _run(["agnodb.demo.continue_", "--user", "alice", "--session", session], stage.url)
    runs, total = await stage.db.get_runs(session_id=session, sort_by="created_at", deserialize=False)
    check(total == 5, f"Alice's session has five runs now ({total})")
    places = sorted(run["run_index"] for run in runs)
    check(len(set(places)) == 5, f"each run has a place of its own ({places})")


async def _run(arguments: Sequence[str], url: str) -> None:
    """`python -m` in another process; the URL, which may hold a password, is in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AGNODB_")}
    command = [sys.executable, "-m", *arguments]
    sys.stdout.flush()
    code = await asyncio.to_thread(subprocess.call, command, env={**environment, "AGNODB_URL": url})
    check(code == 0, f"{' '.join(arguments)} ended well ({code})")
