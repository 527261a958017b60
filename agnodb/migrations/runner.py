"""Upgrade, downgrade, stamp and inspect a database, from an event loop.

`alembic upgrade head`, `agnodb upgrade` and the first call of a server all walk the same steps (`steps.walk`)
under the same lock. Any number of runs may go on at once in one process, in any loops and threads: nothing of
Alembic that is global to the process is used.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import agnodb
from agnodb.config import Layout, upgrade_command
from agnodb.errors import AgnoDbError, ConfigurationError
from agnodb.migrations.comparison import differences
from agnodb.migrations.head import REVISIONS
from agnodb.migrations.locks import WAIT_SECONDS, lock_timed_out, migrating, sleep
from agnodb.migrations.revision import current
from agnodb.migrations.steps import OPTIONS, Progress, has_any_table, walk
from agnodb.sql.failures import translate
from agnodb.urls import async_url, backend_of

__all__ = ["chain", "check", "current", "downgrade", "offline_sql", "stamp", "upgrade"]

Plan = Callable[[ScriptDirectory, tuple[str, ...]], Sequence[Any]]


async def upgrade(
    engine: AsyncEngine,
    layout: Layout,
    target: str = "head",
    *,
    progress: Progress | None = None,
    wait: float = WAIT_SECONDS,
) -> None:
    """Bring the tables of `layout` up to `target` (a revision, ``head`` or ``+1``).

    An empty database is filled in one transaction. Otherwise each revision is one, and an upgrade that was
    interrupted goes on where it stopped; SQLite does all in one. At head, tables that were dropped are made
    again. `wait` is how many seconds to wait for another migrator, or for a table that others use. Raises
    SchemaOutdatedError for tables that an older agno made, ConfigurationError for an unknown revision or
    missing rights, UnavailableError when the wait is over.
    """

    def plan(chain: ScriptDirectory, at: tuple[str, ...]) -> Sequence[Any]:
        return chain._upgrade_revs(target, at)  # type: ignore[arg-type]

    await _run(engine, layout, plan, progress, wait, restore=target == "head")


async def downgrade(
    engine: AsyncEngine,
    layout: Layout,
    target: str,
    *,
    progress: Progress | None = None,
    wait: float = WAIT_SECONDS,
) -> None:
    """Take the tables of `layout` back to `target` (a revision, ``base`` or ``-1``); ``base`` drops them.

    Tables that another set in the same schema uses are left alone. Atomicity and errors as for `upgrade`.
    """
    await _run(engine, layout, lambda chain, at: chain._downgrade_revs(target, at), progress, wait)  # type: ignore[arg-type]


async def stamp(
    engine: AsyncEngine,
    layout: Layout,
    target: str,
    *,
    progress: Progress | None = None,
    wait: float = WAIT_SECONDS,
) -> None:
    """Note `target` (a revision, ``head`` or ``base``) as the revision of `layout`, and change no table."""
    await _run(engine, layout, lambda chain, at: chain._stamp_revs(target, at), progress, wait, purge=True)


async def check(engine: AsyncEngine, layout: Layout) -> list[str]:
    """What keeps `layout` from being at head with the tables of the models: one line each, or none."""
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(differences, layout)
    except Exception as error:
        raise translate(error, upgrade_command(layout)) from error


def offline_sql(url: str | URL, layout: Layout, target: str = "head") -> str:
    """The SQL of an upgrade for the database of `url`, which is not connected to.

    `target` is a revision, or ``from:to`` (``to`` may be the older one). From the beginning, the script makes
    what is missing and may run in one transaction; from a later revision on PostgreSQL, it builds indexes
    concurrently and may not.
    """
    start, _, end = target.rpartition(":")

    def plan(heads: tuple[str, ...], _context: MigrationContext) -> Sequence[Any]:
        back = start in REVISIONS and (end == "base" or end in REVISIONS[: REVISIONS.index(start)])
        steps: Callable[[str, Any], Sequence[Any]] = chain()._downgrade_revs if back else chain()._upgrade_revs
        return steps(end, heads)

    script = io.StringIO()
    options = {**OPTIONS, "fn": plan, "as_sql": True, "literal_binds": True, "output_buffer": script}
    context = MigrationContext.configure(
        dialect_name=backend_of(async_url(url)),
        dialect_opts={"paramstyle": "named"},
        opts={**options, "starting_rev": start or None},
    )
    try:
        walk(context, layout)
    except CommandError as error:
        raise ConfigurationError(f"{error}.") from error
    return script.getvalue()


def chain() -> ScriptDirectory:
    """The revisions: those inside the installed package, else those of the checkout."""
    package = Path(agnodb.__file__).parent
    for folder in (package / "_alembic", package.parent / "alembic"):
        if (folder / "versions").is_dir():
            return ScriptDirectory(str(folder))
    raise ConfigurationError("This installation of agnodb lacks its migrations. Install it again.")


async def _run(
    engine: AsyncEngine,
    layout: Layout,
    plan: Plan,
    progress: Progress | None,
    wait: float,
    purge: bool = False,
    restore: bool = False,
) -> None:
    def fn(heads: tuple[str, ...], _context: MigrationContext) -> Sequence[Any]:
        return plan(chain(), heads)

    try:
        async with migrating(engine, layout, wait=wait) as connection:
            # Each revision makes what is missing: from the beginning, they restore what somebody has dropped.
            options = {**OPTIONS, "fn": fn, "purge": purge, "restore": restore}

            def work(connection: Connection) -> None:
                walk(MigrationContext.configure(connection, opts=options), layout, progress)

            await patiently(connection, layout, work, wait)
    except CommandError as error:
        raise ConfigurationError(f"{error}.") from error
    except AgnoDbError:
        raise
    except Exception as error:
        raise translate(error, upgrade_command(layout)) from error


async def patiently(
    connection: AsyncConnection, layout: Layout, work: Callable[[Connection], None], wait: float
) -> None:
    """Run `work`, which can be repeated, until no table that it needs is in use by others (PostgreSQL).

    Where nothing exists yet, all of it is one transaction: whoever dies in between leaves an empty database.
    """
    if connection.in_transaction():  # SQLite: all of it is in one already
        return await connection.run_sync(work)
    deadline = time.monotonic() + wait
    while True:
        empty = not await connection.run_sync(has_any_table, layout)
        await connection.rollback()
        try:
            if empty:
                async with connection.begin():
                    return await connection.run_sync(work)
            return await connection.run_sync(work)
        except Exception as error:
            if not lock_timed_out(error) or time.monotonic() > deadline:
                raise
            await connection.rollback()
            await sleep(connection, 1)
