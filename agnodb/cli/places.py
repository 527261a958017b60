"""What `doctor` and `inspect` take, and how they name a database without its password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from agnodb.cli.common import FAILED, Target

if TYPE_CHECKING:
    from sqlalchemy import URL

    from agnodb.config import Layout

Place = Annotated[str | None, typer.Argument(metavar="[URL]", help="The same as --url.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]

_DRIVERS = re.compile(r"^(postgresql|mysql|singlestore|sqlite)\+(?:asyncpg|aiomysql|aiosqlite)://")


class ShownTarget(Target):
    """A `Target` that can say which one it is, once it is resolved."""

    def __init__(self, url: str | None, schema: str | None, tables: list[str] | None) -> None:
        super().__init__(url, schema, tables)
        self._is_given = url is not None
        self.where, self.schema = "", schema
        self.direct: str | None = None
        """The URL past the pooler that the URL itself tells of, where there is a convention for it."""

    @property
    def given(self) -> str | None:
        """The URL, where it was given on the command line: commands to run next have to say it again."""
        return self.where if self._is_given else None

    def resolve(self) -> tuple[URL, Layout]:
        from agnodb.urls import direct_url

        url, layout = super().resolve()
        direct = direct_url(url)
        self.where, self.schema = shown(url), layout.schema
        self.direct = None if direct is None else shown(direct)
        return url, layout

    def described(self) -> dict[str, str | None]:
        """The URL and the schema."""
        return {"url": self.where, "schema": self.schema}


def chosen_place(place: str | None, url: str | None, schema: str | None, tables: list[str] | None) -> ShownTarget:
    """The database that the argument or --url names. Ends the program when both do, differently."""
    if place and url and place != url:
        typer.echo("Error: Give the URL once: as an argument or with --url.", err=True)
        raise typer.Exit(FAILED)
    return ShownTarget(place or url, schema, tables)


def shown(url: URL) -> str:
    """`url` without any password, and without the driver that agnodb takes by itself."""
    from agnodb.urls import safe_text

    return _DRIVERS.sub(r"\1://", safe_text(url))
