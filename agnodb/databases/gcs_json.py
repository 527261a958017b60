"""JSON objects in a bucket of Google Cloud Storage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypedDict, Unpack

from agnodb.databases.arguments import Caching, FirstTables, FurtherTables, Identity, Policing, as_in_agno
from agnodb.databases.documents import AsyncDocumentDatabase, DocumentDatabase, DocumentSettings
from agnodb.documents.stores.gcs import GcsStore
from agnodb.documents.stores.gcs_clients import Place, bucket_of
from agnodb.documents.stores.gcs_names import Names
from agnodb.errors import ConfigurationError


class Access(TypedDict, total=False):
    """Who pays, and as whom the bucket is used."""

    project: str | None
    credentials: Any


class FurtherPlace(TypedDict, total=False):
    """Where the data is, as agno's class does not name it."""

    db_url: str | None


class GcsJsonArguments(FirstTables, Access, Identity, FurtherPlace, FurtherTables, Policing, Caching, total=False):
    """The arguments of `AsyncGcsJsonDb` and `GcsJsonDb` after agno's first ones, in agno's order."""


def _place(bucket: str | None, prefix: str | None, given: GcsJsonArguments) -> Place:
    url = given.get("db_url")
    if (bucket is None) == (url is None) or (url is not None and prefix is not None):
        raise ConfigurationError("One of bucket_name and db_url is needed, and prefix goes with bucket_name.")
    return Place.of(bucket, prefix) if url is None else Place.of_url(url)


def _settings(kind: str, place: Place, given: GcsJsonArguments) -> DocumentSettings:
    where = {"bucket_name": place.bucket, "prefix": place.prefix, "project": given.get("project")}
    return DocumentSettings.of(kind, f"gcs:{place.bucket}/{place.prefix}", where, given)


class AsyncGcsJsonDb(AsyncDocumentDatabase):
    """Sessions, runs, memories and the rest in objects of a bucket, over google-cloud-storage.

    One JSON object for each record, and an empty one for each of its places in lists, below `prefix` (``agno/``) of
    `bucket_name`, or of ``gs://bucket/prefix`` as `db_url`. `project` and `credentials` are the client's; without them
    the environment says who it is. Calls wait in threads. `strict_owner`, `on_conflict`, `counters` and
    `on_write_failed` are the policies of `agnodb.policies.Policies`.

    It needs no server and is slow: a saved session is some 35 requests, and an object takes one write a second.
    A batch of several records writes each of them twice.

    Raises ConfigurationError without a bucket, MissingDriverError without the driver. Nothing is opened before the
    first call.
    """

    @as_in_agno
    def __init__(
        self, bucket_name: str | None = None, prefix: str | None = None, **given: Unpack[GcsJsonArguments]
    ) -> None:
        place = _place(bucket_name, prefix, given)
        names = Names(place.prefix)
        self.bucket_name, self.prefix = place
        super().__init__(
            _settings("async_gcs_json", place, given),
            lambda: GcsStore(lambda: bucket_of(place, given.get("project"), given.get("credentials")), names),
            GcsStore.capabilities,
        )


class GcsJsonDb(DocumentDatabase):
    """As `AsyncGcsJsonDb`, for code without an event loop: every call blocks."""

    @as_in_agno
    def __init__(
        self, bucket_name: str | None = None, prefix: str | None = None, **given: Unpack[GcsJsonArguments]
    ) -> None:
        place = _place(bucket_name, prefix, given)
        settings, names = _settings("gcs_json", place, given), Names(place.prefix)
        self.bucket_name, self.prefix = place
        super().__init__(
            replace(settings, policies=settings.policies.need_no_loop()),
            lambda: GcsStore(lambda: bucket_of(place, given.get("project"), given.get("credentials")), names),
            GcsStore.capabilities,
        )


AsyncGCSJsonDb, GCSJsonDb = AsyncGcsJsonDb, GcsJsonDb
"""The same, by another spelling."""

# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our collections.
AsyncGcsJsonDb.__name__, GcsJsonDb.__name__ = "AgnodbAsyncGcsJsonDb", "AgnodbGcsJsonDb"
