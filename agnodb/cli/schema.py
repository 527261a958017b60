"""`agnodb upgrade`, `downgrade`, `current`, `check`, `stamp`, `sql`: the schema and its revisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from agnodb.cli import mongo, stores
from agnodb.cli.common import Schema, Show, Table, Target, Url
from agnodb.errors import ConfigurationError
from agnodb.migrations.head import HEAD

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from agnodb.config import Layout


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (upgrade, current, check, stamp, sql):
        app.command()(command)
    # Or -1 would be taken for an option.
    app.command(context_settings={"ignore_unknown_options": True})(downgrade)


def upgrade(
    target: Annotated[str, typer.Argument(help="A revision, head or +1.")] = "head",
    url: Url = None,
    schema: Schema = None,
    table: Table = None,
    vector: Annotated[
        list[str] | None,
        typer.Option(
            "--vector",
            metavar="NAME:DIMENSIONS[:LANGUAGE]",
            help="Only this table of vectors, with words in LANGUAGE (english; none: vectors alone). Can be repeated.",
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(
            "--index",
            metavar="METHOD[:METRIC[:QUANTIZATION]]",
            help="With --vector: build the index of the vectors too, if it is missing: hnsw, hnsw:l2:halfvec, ivfflat.",
        ),
    ] = None,
) -> None:
    """Make the tables, or bring them up to date."""
    chosen = Target(url, schema, table)
    if vector:
        _upgrade_vectors(vector, index, chosen)
    elif not _done(chosen, lambda place: mongo.upgrade(place, target), lambda place: stores.upgrade(place, target)):
        _move("upgrade", target, chosen)


def _upgrade_vectors(named: list[str], index: str | None, target: Target) -> None:
    async def work(engine: AsyncEngine, layout: Layout, show: Show) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        from agnodb.migrations.vectors import ensure_vectors, index_vectors
        from agnodb.models.vectors import indexed_as, place_named
        from agnodb.sql.failures import translate

        if engine.dialect.name != "postgresql":
            raise ConfigurationError("Tables of vectors are kept in PostgreSQL.")
        for name in named:
            try:
                place = place_named(name, layout.schema)
                await ensure_vectors(engine, place, show=show)
                if index is not None:
                    await index_vectors(engine, indexed_as(place, index), (), show=show, warn=show)
            except SQLAlchemyError as error:
                raise translate(error) from error

    target.run(work)
    typer.echo(", ".join(named))


def downgrade(
    target: Annotated[str, typer.Argument(help="A revision, base or -1. base drops the tables.")],
    url: Url = None,
    schema: Schema = None,
    table: Table = None,
) -> None:
    """Take the tables back to an older revision."""
    _move("downgrade", target, Target(url, schema, table))


def stamp(
    revision: Annotated[str, typer.Argument(help="A revision, head or base.")],
    url: Url = None,
    schema: Schema = None,
    table: Table = None,
) -> None:
    """Note REVISION as that of the tables, without changing them."""
    _move("stamp", revision, Target(url, schema, table))


def current(url: Url = None, schema: Schema = None, table: Table = None) -> None:
    """Show the revision that the tables are at."""

    async def work(engine: AsyncEngine, layout: Layout, _show: Show) -> str | None:
        from agnodb.migrations.revision import current

        return await current(engine, layout)

    chosen = Target(url, schema, table)
    if not _done(chosen, mongo.current, stores.current):
        typer.echo(_named(chosen.run(work)))


def check(url: Url = None, schema: Schema = None, table: Table = None) -> None:
    """Exit with 0 if the tables are at head and as they should be, 1 if not, 2 on an error."""

    async def work(engine: AsyncEngine, layout: Layout, _show: Show) -> list[str]:
        from agnodb.migrations import runner

        return await runner.check(engine, layout)

    chosen = Target(url, schema, table)
    if _done(chosen, mongo.check, stores.check):
        return
    differences = chosen.run(work)
    for difference in differences:
        typer.echo(difference)
    if differences:
        raise typer.Exit(1)
    typer.echo(f"{_named(HEAD)}, nothing differs")


def sql(
    target: Annotated[str, typer.Argument(help="A revision, or FROM:TO.")] = "head",
    url: Url = None,
    schema: Schema = None,
    table: Table = None,
) -> None:
    """Print the SQL of an upgrade, to run by hand. The database is not connected to."""
    chosen = Target(url, schema, table)
    with chosen.errors():
        from agnodb.migrations import runner

        address, layout = chosen.resolve()
        typer.echo(runner.offline_sql(address, layout, target), nl=False)


def _done(
    target: Target, on_mongo: Callable[[mongo.MongoPlace], None], on_store: Callable[[stores.StorePlace], None]
) -> bool:
    """Whether the database is one of MongoDB or a store of documents, where the command was run then."""
    with target.errors():
        place, store = target.mongo(), target.store()
        if place is not None:
            on_mongo(place)
        if store is not None:
            on_store(store)
    return place is not None or store is not None


def _move(how: str, revision: str, target: Target) -> None:
    async def work(engine: AsyncEngine, layout: Layout, show: Show) -> str | None:
        from agnodb.migrations import runner

        move = {"upgrade": runner.upgrade, "downgrade": runner.downgrade, "stamp": runner.stamp}[how]
        await move(engine, layout, revision, progress=show)
        return await runner.current(engine, layout)

    typer.echo(_named(target.run(work)))


def _named(revision: str | None) -> str:
    if revision is None:
        return "none"
    return f"{revision} (head)" if revision == HEAD else revision
