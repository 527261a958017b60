"""Redis and Valkey."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self, Unpack

from agnodb.databases.arguments import Caching, FirstTables, FurtherTables, Policing, as_in_agno, rebuilt_url
from agnodb.databases.documents import AsyncDocumentDatabase, DocumentDatabase, DocumentSettings
from agnodb.documents.stores import redis_clients
from agnodb.documents.stores.redis import Keyspace, RedisStore
from agnodb.errors import ConfigurationError

DEFAULT_PREFIX = "agno"


class RedisArguments(FirstTables, FurtherTables, Policing, Caching, total=False):
    """The arguments of `AsyncRedisDb` and `RedisDb` that do not say where the data is, in agno's order."""


def _settings(
    kind: str, id: str | None, client: Any, url: str | None, prefix: str, expire: int | None, given: RedisArguments
) -> DocumentSettings:
    if client is None and url is None:
        raise ConfigurationError("One of db_url and redis_client is needed.")
    if expire is not None and (isinstance(expire, bool) or not isinstance(expire, int) or expire < 1):
        raise ConfigurationError("expire is a number of whole seconds.")
    where = redis_clients.place_of_client(client) if client is not None else redis_clients.place_of(str(url))
    place = {"db_url": None if url is None else redis_clients.safe(url), "db_prefix": prefix, "expire": expire}
    return DocumentSettings.of(kind, f"redis:{where}#{prefix}", place, {"id": id, **given})


def _rebuilt(data: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in data.items() if name != "type"}
    url = rebuilt_url(data.get("db_url"), os.environ.get("AGNODB_URL"), place=redis_clients.place_of)
    return {**given, "db_url": url}


class AsyncRedisDb(AsyncDocumentDatabase):
    """Sessions, runs, memories and the rest in Redis or Valkey, over redis-py.

    `redis_client` (of `redis.asyncio`: a `Redis`, a `RedisCluster`, or what a `Sentinel` gives; yours to close) goes
    before `db_url` (``redis://``, ``rediss://``, ``valkey://``, ``unix://``, and with ``+cluster``, as in
    ``redis+cluster://``, any server of a cluster). Keys begin with `db_prefix`, in braces: in a cluster one database is
    on one server. `expire` is the number of seconds after which a record is gone that was not written again, with its
    places in lists. `strict_owner`, `on_conflict`, `counters` and `on_write_failed` are the policies of
    `agnodb.policies.Policies`.

    What is acknowledged is as safe as the server makes it: by default it keeps the last second only in memory, and one
    that evicts keys (`maxmemory-policy`) drops records without a word; `noeviction` has writes fail instead.

    Raises ConfigurationError without a place, MissingDriverError without the driver. Nothing is opened before the
    first call.
    """

    @as_in_agno
    def __init__(
        self,
        id: str | None = None,
        redis_client: Any = None,
        db_url: str | None = None,
        db_prefix: str = DEFAULT_PREFIX,
        expire: int | None = None,
        **given: Unpack[RedisArguments],
    ) -> None:
        settings = _settings("async_redis", id, redis_client, db_url, db_prefix, expire, given)
        keys, url = Keyspace(db_prefix, expire), _url(db_url)
        super().__init__(
            settings,
            lambda: RedisStore(redis_clients.client_of(url, asynchronous=True), keys),
            RedisStore.capabilities,
            None if redis_client is None else RedisStore(redis_client, keys),
        )
        self.db_url, self.db_prefix, self.expire = db_url, db_prefix, expire

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`. A password that is hidden in it is taken from `AGNODB_URL`.

        Raises ConfigurationError when there is a hidden password and no such variable for the same server.
        """
        return cls(**_rebuilt(data))


class RedisDb(DocumentDatabase):
    """As `AsyncRedisDb`, for code without an event loop: every call blocks. `redis_client` is one of `redis`."""

    @as_in_agno
    def __init__(
        self,
        id: str | None = None,
        redis_client: Any = None,
        db_url: str | None = None,
        db_prefix: str = DEFAULT_PREFIX,
        expire: int | None = None,
        **given: Unpack[RedisArguments],
    ) -> None:
        settings = _settings("redis", id, redis_client, db_url, db_prefix, expire, given)
        settings = replace(settings, policies=settings.policies.need_no_loop())
        keys, url = Keyspace(db_prefix, expire), _url(db_url)
        super().__init__(
            settings,
            lambda: RedisStore(redis_clients.client_of(url, asynchronous=False), keys),
            RedisStore.capabilities,
            None if redis_client is None else RedisStore(redis_client, keys),
        )
        self.db_url, self.db_prefix, self.expire = db_url, db_prefix, expire

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncRedisDb.from_dict`."""
        return cls(**_rebuilt(data))


def _url(url: str | None) -> str:
    return "" if url is None else redis_clients.checked(url)


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our collections.
AsyncRedisDb.__name__, RedisDb.__name__ = "AgnodbAsyncRedisDb", "AgnodbRedisDb"
