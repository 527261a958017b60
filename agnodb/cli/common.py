"""What every command that works on a database shares: its options, its errors, its progress."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from agnodb.errors import AgnoDbError, ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncEngine

    from agnodb.cli.mongo import MongoPlace
    from agnodb.cli.stores import StorePlace
    from agnodb.config import Layout

Result = TypeVar("Result")

Show = Callable[[str], None]

FAILED = 2
"""Exit code of a command that could not do its work."""

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="postgresql://, mysql://, singlestore://, mongodb://, redis://, dynamodb://, firestore://, gs://,"
        " json:///folder or sqlite:///file.db; else AGNODB_URL, else alembic.ini.",
    ),
]
Schema = Annotated[
    str | None,
    typer.Option(
        "--schema", help="The tables' schema (MySQL, MongoDB: database; Redis: prefix); else AGNODB_SCHEMA, else 'ai'."
    ),
]
Table = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        metavar="ARGUMENT=NAME",
        help="A table's name, by agno's argument: session_table=chats. Can be repeated.",
    ),
]


class Target:
    """The database and the tables that a command works on."""

    def __init__(self, url: str | None, schema: str | None, tables: list[str] | None) -> None:
        self._given = {"url": url, "schema": schema}
        self._tables = tables or []
        self._url: URL | None = None

    def resolve(self) -> tuple[URL, Layout]:
        """The URL and the layout. Raises ConfigurationError."""
        from agnodb.migrations.settings import settings_for

        if self.mongo() is not None:
            raise ConfigurationError("On MongoDB there are upgrade, current, check, doctor, inspect and demo.")
        if self.store() is not None:
            raise ConfigurationError("On stores there are upgrade, current, check, doctor, inspect, demo and adopt.")
        self._url, layout = settings_for(self._options(), self._ini())
        return self._url, layout

    def mongo(self) -> MongoPlace | None:
        """The database, where it is one of MongoDB. Raises ConfigurationError."""
        from agnodb.cli.mongo import MongoPlace
        from agnodb.config import layout_from
        from agnodb.migrations.settings import given_settings
        from agnodb.mongo.urls import DEFAULT_NAME, is_mongodb

        given = given_settings(self._options(), self._ini())
        if not is_mongodb(given["url"]):
            return None
        name = given.pop("schema", None) or DEFAULT_NAME
        return MongoPlace(given["url"], name, layout_from(given, schema_default=None))

    def store(self) -> StorePlace | None:
        """The store of documents, where it is one. Raises ConfigurationError."""
        from agnodb.cli.stores import DEFAULT_PREFIX, StorePlace, is_store
        from agnodb.config import layout_from
        from agnodb.migrations.settings import given_settings

        given = given_settings(self._options(), self._ini())
        if not is_store(given["url"]):
            return None
        prefix = given.pop("schema", None) or DEFAULT_PREFIX
        return StorePlace(given["url"], prefix, layout_from(given, schema_default=None))

    @staticmethod
    def _ini() -> Callable[[str], str | None]:
        from pathlib import Path

        from agnodb.migrations.settings import ini_file

        return ini_file(Path("alembic.ini"))

    def _options(self) -> dict[str, str]:
        options = {name: value for name, value in self._given.items() if value}
        for table in self._tables:
            argument, equals, name = table.partition("=")
            if not (equals and argument and name):
                raise ConfigurationError("A table is named as in: --table session_table=chats")
            options[argument] = name
        return options

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Ends the program with one line on stderr and exit code 2 when the block raises an error of ours."""
        try:
            yield
        except AgnoDbError as error:
            from agnodb.migrations.settings import one_line

            typer.echo(f"Error: {one_line(error, self._url)}", err=True)
            raise typer.Exit(FAILED) from None

    def run(self, work: Callable[[AsyncEngine, Layout, Show], Awaitable[Result]]) -> Result:
        """What `work` returns, given an engine that is closed afterwards and a way to show what it does."""
        import asyncio

        from agnodb.migrations.settings import command_engine

        async def with_engine(show: Show) -> Result:
            url, layout = self.resolve()
            async with command_engine(url) as engine:
                return await work(engine, layout, show)

        with self.errors(), progress() as show:
            return asyncio.run(with_engine(show))


@contextmanager
def progress() -> Iterator[Show]:
    """A function that shows a line on stderr; on a terminal, a spinner too."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    with console.status("connecting") as status:

        def show(line: str) -> None:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            status.update(escape(line))

        yield show
