"""The commands on MongoDB: `upgrade`, `current`, `check`, `doctor` and `inspect`, over Motor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from agnodb.config import Layout
    from agnodb.diagnosis.contents import TableContents
    from agnodb.diagnosis.doctor import Report
    from agnodb.models.base import Tables

T = TypeVar("T")

CONNECT_SECONDS = 15.0
UPGRADE_SECONDS = 120.0
"""How long a command waits for another that makes the same collections."""


@dataclass(frozen=True)
class MongoPlace:
    """A database and the set of collections in it."""

    url: str
    name: str
    layout: Layout

    def described(self) -> dict[str, str | None]:
        """The URL without its password, and the database."""
        from agnodb.mongo.urls import safe

        return {"url": safe(self.url), "database": self.name}

    def run(self, work: Callable[[Any, Tables], Awaitable[T]]) -> T:
        """What `work(database, tables)` returns. Raises an AgnoDbError."""
        import asyncio

        from agnodb.executors.mongo_clients import motor_client
        from agnodb.models.base import tables_for
        from agnodb.mongo.failures import translate

        async def connected() -> T:
            options = {"serverSelectionTimeoutMS": int(CONNECT_SECONDS * 1000), "appname": "agnodb"}
            client = motor_client(self.url, options)
            try:
                return await work(client[self.name], tables_for(self.layout))
            except Exception as error:
                raise translate(error) from error
            finally:
                client.close()

        return asyncio.run(connected())


def upgrade(place: MongoPlace, target: str) -> None:
    """Make the collections, or bring them up to date."""
    import asyncio

    from agnodb.errors import ConfigurationError, UnavailableError
    from agnodb.executors.retries import Attempts
    from agnodb.mongo import schema

    if target != "head":
        raise ConfigurationError("On MongoDB an upgrade is to head.")

    async def work(database: Any, tables: Tables) -> None:
        attempts = Attempts(UPGRADE_SECONDS)
        drifted = bool(await schema.differences(database, tables, place.layout))
        while True:
            try:
                for step in await schema.upgrade(database, tables, place.layout, again=drifted):
                    typer.echo(f"{step} done", err=True)
                return
            except UnavailableError as failure:
                pause = attempts.pause(failure, idempotent=False)
                if pause is None:
                    raise
                await asyncio.sleep(pause)

    place.run(work)
    current(place)


def current(place: MongoPlace) -> None:
    """Show the step that the collections are at."""
    from agnodb.mongo import schema

    at = place.run(lambda database, _tables: schema.current(database, place.layout))
    typer.echo("none" if at is None else f"{at} (head)" if at == schema.HEAD else at)


def check(place: MongoPlace) -> None:
    """Exit with 0 if the collections are at head and have their indexes, 1 if not."""
    from agnodb.mongo import schema

    differences = place.run(lambda database, tables: schema.differences(database, tables, place.layout))
    for difference in differences:
        typer.echo(difference)
    if differences:
        raise typer.Exit(1)
    typer.echo(f"{schema.HEAD} (head), nothing differs")


def examine(place: MongoPlace, url: str | None) -> Report:
    """What is the matter with the database; `url` is what the commands to run next have to say again."""
    from agnodb.diagnosis.doctor import Report
    from agnodb.diagnosis.finding import Commands
    from agnodb.diagnosis.findings import findings_of, no_connection
    from agnodb.diagnosis.mongo import read_facts
    from agnodb.errors import AgnoDbError
    from agnodb.mongo.urls import place_options, safe

    try:
        facts = place.run(lambda database, tables: read_facts(database, tables, place.layout))
    except AgnoDbError as error:
        return Report([no_connection(error)], detail=error.detail)
    commands = Commands(place.layout, None if url is None else safe(url), options=place_options(place.name))
    return Report(findings_of(facts, commands), facts)


def contents(place: MongoPlace) -> list[TableContents]:
    """What is in the collections."""
    from agnodb.diagnosis.mongo import read_collections

    return place.run(read_collections)
