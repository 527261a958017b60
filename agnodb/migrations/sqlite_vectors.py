"""Tables of vectors in SQLite: made where they are missing, in one transaction under the file's write lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import text

from agnodb.config import Layout, TableNames
from agnodb.errors import ConfigurationError, SchemaOutdatedError
from agnodb.migrations.locks import migrating
from agnodb.models.sqlite_vectors import SqliteVectorPlace, definitions

Show = Callable[[str], None]

_LOOK = "SELECT name, sql FROM sqlite_master WHERE name IN (:name, :words)"
_LAYOUT = Layout(schema=None, names=TableNames())


async def ensure_sqlite_vectors(
    engine: Any, place: SqliteVectorPlace, *, create: bool = True, show: Show = lambda _: None
) -> SqliteVectorPlace:
    """`place`, once its table is there.

    It is made, unless `create` is False: then SchemaOutdatedError. Raises ConfigurationError for a table of another
    number of dimensions or another language.
    """
    async with engine.connect() as connection:
        found = await _look(connection, place)
        await connection.rollback()
    if len(found) < 2:
        if not create:
            raise SchemaOutdatedError(command=place.upgrade)
        async with migrating(engine, _LAYOUT) as connection:
            for statement in definitions(place):
                await connection.exec_driver_sql(statement)
            found = await _look(connection, place)
        show(f"table {place.name} made")
    if place.check not in found[place.name]:
        raise ConfigurationError(f"The table's embeddings are of other than {place.dimensions} dimensions.")
    if place.tokenizer not in found[place.words_name]:
        raise ConfigurationError("The table's words were read in another language than content_language says.")
    return place


async def index_sqlite_vectors(
    engine: Any,
    place: SqliteVectorPlace,
    options: Sequence[tuple[str, int]],
    *,
    again: bool = False,
    show: Show = lambda _: None,
    warn: Show = lambda _: None,
) -> None:
    """Merge the index of words into one piece; with `again`, read all words anew."""
    async with migrating(engine, _LAYOUT) as connection:
        for command in (("rebuild",) if again else ()) + ("optimize",):
            await connection.exec_driver_sql(f"INSERT INTO {place.words} ({place.words}) VALUES ('{command}')")
    show(f"words of {place.name} merged")


async def drop_sqlite_vectors(engine: Any, place: SqliteVectorPlace) -> None:
    """Drop the table and its words, if they are there."""
    async with migrating(engine, _LAYOUT) as connection:
        await connection.exec_driver_sql(f"DROP TABLE IF EXISTS {place.table}")
        await connection.exec_driver_sql(f"DROP TABLE IF EXISTS {place.words}")


async def _look(connection: Any, place: SqliteVectorPlace) -> dict[str, str]:
    rows = await connection.execute(text(_LOOK), {"name": place.name, "words": place.words_name})
    return dict(tuple(row) for row in rows.fetchall())
