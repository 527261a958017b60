"""`agnodb media`: objects that no run refers to, and runs whose objects are not there."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agnodb.cli.common import Schema, Table, Url
from agnodb.cli.places import Json, Place, ShownTarget, chosen_place

if TYPE_CHECKING:
    from agnodb.executors.media import MediaObjects
    from agnodb.executors.media_check import MediaFindings

Media = Annotated[str, typer.Option("--media", help="s3://bucket/prefix, gs://, az:// or file:///folder.")]
Option = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="An option of the store: endpoint=http://..., or allow_http=true. Can be repeated.",
    ),
]
Older = Annotated[
    int, typer.Option("--older-than", min=0, help="Minutes: what is younger may belong to a run not saved yet.")
]
Delete = Annotated[bool, typer.Option("--delete", help="Do it; without this a sweep only tells what it would do.")]
Everything = Annotated[
    bool, typer.Option("--everything", help="Delete all uploads, where no run of the database refers to any.")
]

_LISTS = {
    "unreferenced": "uploads that no run refers to",
    "unmarked": "objects without an upload",
    "interrupted": "interrupted removals",
    "unheld": "uploads in runs that have lost their marker",
    "missing": "uploads in runs whose object is not there",
}


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(no_args_is_help=True, help="Media in an object store, and the runs that refer to them.")
    group.command()(check)
    group.command()(sweep)
    app.add_typer(group, name="media")


def check(
    media: Media,
    place: Place = None,
    url: Url = None,
    schema: Schema = None,
    table: Table = None,
    option: Option = None,
    older_than: Older = 60,
    as_json: Json = False,
) -> None:
    """Compare the store with all runs. Exit code 1 when something is there that is not needed, or the other way."""
    target = chosen_place(place, url, schema, table)
    with target.errors():
        found = _compared(_opened(media, option), target, older_than)
    _show(found, as_json)
    if not found.clean:
        raise typer.Exit(1)


def sweep(
    media: Media,
    place: Place = None,
    url: Url = None,
    schema: Schema = None,
    table: Table = None,
    option: Option = None,
    older_than: Older = 60,
    delete: Delete = False,
    everything: Everything = False,
    as_json: Json = False,
) -> None:
    """Tell what would be deleted, or with --delete delete it. All that is under the prefix is this database's."""
    import asyncio

    target = chosen_place(place, url, schema, table)
    with target.errors():
        from agnodb.errors import ConfigurationError
        from agnodb.executors.media_check import sweep_media

        opened = _opened(media, option)
        found = _compared(opened, target, older_than)
        if delete and found.unreferenced and not found.references and not everything:
            raise ConfigurationError("No run of this database refers to this store: is it the right one? --everything")
        if delete:
            asyncio.run(sweep_media(opened.awaiting(), found))
    _show(found, as_json)
    if not as_json and not found.clean:
        typer.echo("swept" if delete else "nothing was changed: --delete does it")


def _opened(media: str, options: list[str] | None) -> MediaObjects:
    from agnodb.errors import ConfigurationError
    from agnodb.executors.media import MediaObjects
    from agnodb.executors.objects import ObjectPlace, ObjectStore

    given: dict[str, Any] = {}
    for one in options or []:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise ConfigurationError("An option is given as in: --option region=eu-central-1")
        given[name] = value
    if given.pop("allow_http", "") == "true" or str(given.get("endpoint", "")).startswith("http://"):
        given["client_options"] = {"allow_http": True}
    return MediaObjects(ObjectStore(ObjectPlace.of(media, given), awaits=False))


def _compared(media: MediaObjects, target: ShownTarget, minutes: int) -> MediaFindings:
    import asyncio

    from agnodb.diagnosis.media import in_mongo, in_sql, in_store
    from agnodb.executors.driving import drive
    from agnodb.executors.media_check import check_media

    names, age = (media.backend, media.bucket), timedelta(minutes=minutes)
    mongo, store = target.mongo(), target.store()

    async def keys() -> set[str]:  # the coroutines of objects never suspend here, so each way of reading may be its own
        if mongo is not None:
            return mongo.run(lambda database, tables: in_mongo(database, tables, *names))
        if store is not None:
            return store.run(lambda repositories, _executor: in_store(repositories.runs, *names))
        url, layout = target.resolve()
        return asyncio.run(in_sql(url, layout, *names))

    return drive(check_media(media, keys, age))


def _show(found: MediaFindings, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
        return
    typer.echo(f"{found.objects} objects, {found.bytes} bytes, {found.references} references")
    for name, what in _LISTS.items():
        keys = getattr(found, name)
        if keys:
            typer.echo(f"{len(keys)} {what}:")
            for key in keys:
                typer.echo(f"  {key}")
