"""DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self, TypedDict, Unpack

from agnodb.databases.arguments import Caching, FirstTables, FurtherTables, Identity, Policing, as_in_agno
from agnodb.databases.documents import AsyncDocumentDatabase, DocumentDatabase, DocumentSettings
from agnodb.documents.stores import dynamodb_clients
from agnodb.documents.stores.dynamodb import DynamoDbStore, Keyspace
from agnodb.documents.stores.dynamodb_clients import DEFAULT_TABLE, Place
from agnodb.errors import ConfigurationError


class FurtherPlace(TypedDict, total=False):
    """Where the data is, as agno's class does not name it."""

    db_url: str | None
    db_table: str | None
    endpoint_url: str | None


class DynamoDbArguments(FirstTables, Identity, FurtherPlace, FurtherTables, Policing, Caching, total=False):
    """The arguments of `AsyncDynamoDb` and `DynamoDb` after agno's first ones, in agno's order."""


def _place(client: Any, region: str | None, given: DynamoDbArguments) -> Place:
    url, table, endpoint = given.get("db_url"), given.get("db_table"), given.get("endpoint_url")
    if url is not None:
        if client is not None or region is not None or table is not None or endpoint is not None:
            raise ConfigurationError("db_url says what db_client, region_name, db_table and endpoint_url would.")
        return Place.of(url)
    if client is not None:
        return Place.of_client(client, table or DEFAULT_TABLE)
    return Place(region or dynamodb_clients.region_of_environment(), table or DEFAULT_TABLE, endpoint)


def _credentials(key: str | None, secret: str | None) -> dict[str, str]:
    if (key is None) != (secret is None):
        raise ConfigurationError("aws_access_key_id and aws_secret_access_key are needed together, or none of them.")
    return {} if key is None or secret is None else {"aws_access_key_id": key, "aws_secret_access_key": secret}


def _settings(kind: str, place: Place, given: DynamoDbArguments) -> DocumentSettings:
    return DocumentSettings.of(kind, place.url, {"db_url": place.url}, given)


class AsyncDynamoDb(AsyncDocumentDatabase):
    """Sessions, runs, memories and the rest in one table of DynamoDB, over aiobotocore.

    `db_client` (a client of aiobotocore that was entered; yours to close) goes before `region_name`; where there is
    neither, the environment or the profile says the region, and so it is with the keys. `db_url` is
    ``dynamodb://region/table``, with ``?endpoint=`` for a server that is not Amazon's. `db_table` (``agno``) is made
    where it is missing, billed on demand. The names of agno's tables are collections in it. `strict_owner`,
    `on_conflict`, `counters` and `on_write_failed` are the policies of `agnodb.policies.Policies`.

    A transaction has a hundred items at most: each record is one and each of its places in lists is one.

    Raises ConfigurationError for arguments that cannot be, MissingDriverError without the driver. Nothing is opened
    before the first call.
    """

    @as_in_agno
    def __init__(
        self,
        db_client: Any = None,
        region_name: str | None = None,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        **given: Unpack[DynamoDbArguments],
    ) -> None:
        place, keys = _place(db_client, region_name, given), Keyspace()
        credentials = _credentials(aws_access_key_id, aws_secret_access_key)

        def made(client: Any = None) -> DynamoDbStore:
            connect = lambda: dynamodb_clients.client_of(place, credentials, asynchronous=True)  # noqa: E731
            return DynamoDbStore(place.table, keys, connect, client)

        given_store = None if db_client is None else made(db_client)
        super().__init__(_settings("async_dynamodb", place, given), made, DynamoDbStore.capabilities, given_store)
        self.db_url = place.url

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`, with the keys of the environment or the profile."""
        return super().from_dict(data)


class DynamoDb(DocumentDatabase):
    """As `AsyncDynamoDb`, for code without an event loop: every call blocks. `db_client` is one of boto3."""

    @as_in_agno
    def __init__(
        self,
        db_client: Any = None,
        region_name: str | None = None,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        **given: Unpack[DynamoDbArguments],
    ) -> None:
        place, keys = _place(db_client, region_name, given), Keyspace()
        credentials = _credentials(aws_access_key_id, aws_secret_access_key)

        def made(client: Any = None) -> DynamoDbStore:
            connect = lambda: dynamodb_clients.client_of(place, credentials, asynchronous=False)  # noqa: E731
            return DynamoDbStore(place.table, keys, connect, client)

        settings = _settings("dynamodb", place, given)
        settings = replace(settings, policies=settings.policies.need_no_loop())
        given_store = None if db_client is None else made(db_client)
        super().__init__(settings, made, DynamoDbStore.capabilities, given_store)
        self.db_url = place.url

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncDynamoDb.from_dict`."""
        return super().from_dict(data)


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our collections.
AsyncDynamoDb.__name__, DynamoDb.__name__ = "AgnodbAsyncDynamoDb", "AgnodbDynamoDb"
