"""What `alembic/env.py` runs: Alembic's own commands, with agnodb's settings, lock and version table."""

from __future__ import annotations

import asyncio
import logging.config
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from alembic.operations.ops import CreateIndexOp
from alembic.runtime.environment import EnvironmentContext
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection

from agnodb.config import Layout, upgrade_command
from agnodb.errors import AgnoDbError
from agnodb.migrations.comparison import comparison_options, missing_indexes, quiet
from agnodb.migrations.locks import WAIT_SECONDS, migrating
from agnodb.migrations.runner import patiently
from agnodb.migrations.settings import command_engine, one_line, settings_for
from agnodb.migrations.steps import OPTIONS, walk
from agnodb.sql.failures import translate
from agnodb.urls import backend_of

log = logging.getLogger(__name__)


def run(context: EnvironmentContext) -> None:
    """Carry out the Alembic command that `context` holds.

    The database and the tables come from ``-x url= -x schema= -x session_table=`` and so on, then
    `AGNODB_URL`, `AGNODB_SCHEMA`, `AGNODB_SESSION_TABLE` ..., then alembic.ini. Works inside a running event
    loop too: a thread with a loop of its own does the waiting. Raises Alembic's CommandError, which its
    command line shows as one line.
    """
    url = None
    try:
        _configure_logging(context)
        url, layout = settings_for(context.get_x_argument(as_dictionary=True), context.config.get_main_option)
        if context.is_offline_mode():
            context.configure(
                dialect_name=backend_of(url),
                dialect_opts={"paramstyle": "named"},
                literal_binds=True,
                **OPTIONS,
            )
            walk(context.get_context(), layout)
        else:
            context.configure(dialect_name=backend_of(url))
            options = context.get_context().opts
            # `current` only looks; so do `check` and `revision --autogenerate`, with a place for findings.
            looks = options.get("dont_mutate", False) or "revision_context" in options
            _finish(_online(context, url, layout, looks))
    except AgnoDbError as error:
        raise CommandError(one_line(error, url)) from error


async def _online(context: EnvironmentContext, url: URL, layout: Layout, looks: bool) -> None:
    try:
        async with command_engine(url) as engine:
            if looks:
                async with engine.connect() as connection:
                    await connection.run_sync(_look, context, layout)
            else:
                change = partial(_change, context=context, layout=layout)
                async with migrating(engine, layout) as connection:
                    await patiently(connection, layout, change, WAIT_SECONDS)
    except (AgnoDbError, CommandError):
        raise
    except Exception as error:
        raise translate(error, upgrade_command(layout)) from error


def _change(connection: Connection, context: EnvironmentContext, layout: Layout) -> None:
    context.configure(connection=connection, **OPTIONS)
    walk(context.get_context(), layout, log.info)


def _look(connection: Connection, context: EnvironmentContext, layout: Layout) -> None:
    def add_missing_indexes(_context: Any, _revision: Any, directives: list[Any]) -> None:
        found = [CreateIndexOp.from_index(index) for index in missing_indexes(connection, layout)]
        directives[0].upgrade_ops.ops.extend(found)

    options = comparison_options(connection, layout)
    context.configure(connection=connection, process_revision_directives=add_missing_indexes, **options, **OPTIONS)
    with quiet():
        walk(context.get_context(), layout)


def _finish(work: Coroutine[Any, Any, None]) -> None:
    if asyncio._get_running_loop() is None:
        asyncio.run(work)
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, work).result()


def _configure_logging(context: EnvironmentContext) -> None:
    # Only for the command line: an application that calls Alembic has its own logging.
    if context.config.cmd_opts is not None and context.config.config_file_name is not None:
        sections = context.config.file_config.sections()
        if "loggers" in sections:
            logging.config.fileConfig(context.config.config_file_name, disable_existing_loggers=False)
